/* gateway/source_lorawan.c - uplinks from a LoRaWAN network server's MQTT broker.
 * The place is "[user:password@]address", where the address is as in mqtt_options. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "gateway/source_private.h"
#include "wire/lorawan.h"

static void on_message(void *context, const mqtt_message *message)
{
    source *s = context;
    wire_fix fix;
    hr_why why = {{0}};
    source_reading(s, message->payload, message->size);
    hr_err err = lorawan_read(message->payload, message->size, &fix, &why);
    if (err == HR_OK) {
        if (!source_take(s, &fix)) {
            mqtt_link_cut(s->link); /* else it is answered, and the server forgets it */
        }
    } else if (err != HR_UNSUPPORTED) {
        hr_why reason;
        hr_why_set(&reason, HR_INVALID, "%.120s: %.120s", message->topic, why.text);
        source_refuse(s, SOURCE_FORMAT, reason.text);
    }
}

static void on_state(void *context, bool is_up)
{
    if (is_up) {
        source_note_open(context);
    }
}

hr_err source_start_lorawan(source *s, hr_why *why)
{
    static const mqtt_subscription subscriptions[] = {{LORAWAN_CHIRPSTACK_FILTER, 1},
                                                      {LORAWAN_TTS_FILTER, 1}};
    char login[CONFIG_TEXT_MAX], client_id[HR_USER_ID_MAX + 40];
    const char *place = s->options.what->place;
    const char *mark = strrchr(place, '@');
    char *password = NULL;
    snprintf(login, sizeof login, "%.*s", mark != NULL ? (int)(mark - place) : 0, place);
    password = strchr(login, ':');
    if (password != NULL) {
        *password++ = '\0';
    }
    const char *addresses = mark != NULL ? mark + 1 : place;
    /* Two sources at one server, as two of its users, would take each other's session. */
    uint64_t which = hr_hash64(addresses, strlen(addresses)) ^ hr_hash64(login, strlen(login));
    snprintf(client_id, sizeof client_id, "hedgerow-edge-%s-lorawan-%08" PRIx64, s->options.user,
             which >> 32);
    mqtt_options options = {.addresses = addresses,
                            .client_id = client_id,
                            .user = login[0] != '\0' ? login : NULL,
                            .password = password,
                            .subscriptions = subscriptions,
                            .subscription_count = 2,
                            .on_message = on_message,
                            .on_state = on_state,
                            .context = s};
    return mqtt_link_start(&options, &s->link, why);
}
