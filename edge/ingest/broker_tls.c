/* ingest/broker_tls.c - elliptic keys (P-256), an authority of twenty years, a certificate of two
 * that is made anew whenever the machine's addresses have changed. */
#include "ingest/broker_tls.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ingest/broker_files.h"

#define CA_KEY_NAME "ca.key"
#define NAMES_NAME "server.names"
#define DAY_S 86400
#define CA_DAYS 7300
#define CERT_DAYS 730
#define WRITTEN_S 1767225600 /* 2026-01-01: nobody ran this before */
#define NAMES_SIZE 2048
#define SERIAL_BYTES 16

static hr_err tls_failed(hr_why *why, const char *what)
{
    return hr_why_set(why, HR_IO, "TLS: cannot make %s", what);
}

/* ---- what this machine is called ---- */

/* One that has no room is left out: half of it would be no name at all. */
static void add_name(char *names, const char *kind, const char *value)
{
    size_t size = strlen(names);
    if (size + strlen(kind) + strlen(value) + 3 <= NAMES_SIZE) {
        snprintf(names + size, NAMES_SIZE - size, "%s%s:%s", size > 0 ? "," : "", kind, value);
    }
}

/* As OpenSSL writes a subjectAltName. */
static void collect_names(char names[NAMES_SIZE])
{
    struct ifaddrs *list = NULL;
    char host[256] = "", local[BROKER_HOST_SIZE];
    names[0] = '\0';
    add_name(names, "DNS", "localhost");
    if (gethostname(host, sizeof host - 1) == 0 && host[0] != '\0' &&
        host[strspn(host, BROKER_NAME_LETTERS ".")] == '\0') {
        add_name(names, "DNS", host);
    }
    broker_machine_name(local);
    if (local[0] != '\0') {
        add_name(names, "DNS", local);
    }
    if (getifaddrs(&list) != 0) {
        list = NULL;
    }
    for (const struct ifaddrs *at = list; at != NULL; at = at->ifa_next) {
        char text[INET6_ADDRSTRLEN];
        if (at->ifa_addr == NULL || (at->ifa_flags & IFF_UP) == 0 ||
            at->ifa_addr->sa_family != AF_INET) {
            continue;
        }
        struct sockaddr_in in;
        memcpy(&in, at->ifa_addr, sizeof in);
        if (inet_ntop(AF_INET, &in.sin_addr, text, sizeof text) != NULL) {
            add_name(names, "IP", text);
        }
    }
    freeifaddrs(list);
}

/* ---- keys and certificates as files ---- */

static hr_err write_bio(const char *folder, const char *name, BIO *bio, hr_why *why)
{
    char *bytes = NULL;
    hr_buf text;
    long size = BIO_get_mem_data(bio, &bytes);
    hr_buf_init(&text, BROKER_FILE_BYTES_MAX);
    hr_buf_put(&text, bytes, size > 0 ? (size_t)size : 0);
    hr_err err = hr_buf_err(&text);
    if (err == HR_OK) {
        err = broker_file_write(folder, name, &text, why);
    }
    hr_buf_fini(&text);
    return err;
}

static hr_err write_pem(const char *folder, const char *name, EVP_PKEY *key, X509 *cert,
                        hr_why *why)
{
    BIO *bio = BIO_new(BIO_s_mem());
    hr_err err = tls_failed(why, name);
    if (bio != NULL &&
        (key == NULL || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) &&
        (cert == NULL || PEM_write_bio_X509(bio, cert) == 1)) {
        err = write_bio(folder, name, bio, why);
    }
    BIO_free(bio);
    return err;
}

/* NULL if the file is not there or not readable. */
static BIO *read_bio(const char *folder, const char *name)
{
    hr_buf text;
    hr_buf_init(&text, BROKER_FILE_BYTES_MAX);
    BIO *bio = NULL;
    if (broker_file_read(folder, name, &text, NULL) == HR_OK && text.size > 0) {
        bio = BIO_new(BIO_s_mem());
        if (bio != NULL && BIO_write(bio, text.data, (int)text.size) != (int)text.size) {
            BIO_free(bio);
            bio = NULL;
        }
    }
    hr_buf_fini(&text);
    return bio;
}

static X509 *read_cert(const char *folder, const char *name)
{
    BIO *bio = read_bio(folder, name);
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return cert;
}

static EVP_PKEY *read_key(const char *folder, const char *name)
{
    BIO *bio = read_bio(folder, name);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return key;
}

/* ---- making them ---- */

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool is_added = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

static bool set_serial(X509 *cert)
{
    uint8_t bytes[SERIAL_BYTES];
    BIGNUM *number = NULL;
    bool is_set = false;
    if (RAND_bytes(bytes, sizeof bytes) == 1) {
        bytes[0] &= 0x7f;
        number = BN_bin2bn(bytes, sizeof bytes, NULL);
        is_set = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
    }
    BN_free(number);
    return is_set;
}

/* Version 3, serial, times, names and key; what it may do and its signature come after. */
static X509 *new_cert(EVP_PKEY *key, const char *name, time_t from, time_t until, X509 *issuer)
{
    X509 *cert = X509_new();
    if (cert == NULL) {
        return NULL;
    }
    X509_NAME *subject = X509_get_subject_name(cert);
    bool is_good =
        X509_set_version(cert, 2) == 1 && set_serial(cert) &&
        X509_time_adj_ex(X509_getm_notBefore(cert), 0, 0, &from) != NULL &&
        X509_time_adj_ex(X509_getm_notAfter(cert), 0, 0, &until) != NULL &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)name, -1, -1,
                                   0) == 1 &&
        X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : subject) == 1 &&
        X509_set_pubkey(cert, key) == 1;
    if (!is_good) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

/* Every gateway has a copy, so it must hold whatever our clock says on this day: one that nobody
 * has set may stand in 1970, or far ahead. */
static hr_err make_authority(const char *folder, hr_why *why)
{
    time_t now = time(NULL);
    time_t from = now < WRITTEN_S ? now : WRITTEN_S;
    time_t until = (now > WRITTEN_S ? now : WRITTEN_S) + (time_t)CA_DAYS * DAY_S;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key != NULL ? new_cert(key, "Hedgerow farm authority", from, until, NULL) : NULL;
    hr_err err = tls_failed(why, "an authority");
    if (cert != NULL && add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE") &&
        add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        add_extension(cert, cert, NID_subject_key_identifier, "hash") &&
        X509_sign(cert, key, EVP_sha256()) > 0) {
        err = write_pem(folder, CA_KEY_NAME, key, NULL, why);
        if (err == HR_OK) {
            err = write_pem(folder, BROKER_CA_NAME, NULL, cert, why);
        }
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return err;
}

static hr_err make_certificate(const char *folder, EVP_PKEY *ca_key, X509 *ca, const char *names,
                               hr_why *why)
{
    time_t now = time(NULL);
    /* A day back: the clock of a gateway without a battery may be behind. */
    time_t from = now - DAY_S, until = now + (time_t)CERT_DAYS * DAY_S;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key != NULL ? new_cert(key, "Hedgerow broker", from, until, ca) : NULL;
    hr_err err = tls_failed(why, "a certificate");
    if (cert != NULL && add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") &&
        add_extension(cert, ca, NID_key_usage, "critical,digitalSignature") &&
        add_extension(cert, ca, NID_ext_key_usage, "serverAuth") &&
        add_extension(cert, ca, NID_subject_alt_name, names) &&
        add_extension(cert, ca, NID_authority_key_identifier, "keyid") &&
        X509_sign(cert, ca_key, EVP_sha256()) > 0) {
        err = write_pem(folder, BROKER_CERT_NAME, key, cert, why);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return err;
}

/* The certificate there is this authority's, speaks of these names, has its key, has begun, and has
 * half its life before it. */
static bool is_current(const char *folder, X509 *ca, const char *names)
{
    hr_buf old;
    hr_buf_init(&old, NAMES_SIZE);
    X509 *cert = read_cert(folder, BROKER_CERT_NAME);
    EVP_PKEY *key = read_key(folder, BROKER_CERT_NAME);
    time_t now = time(NULL);
    time_t later = now + (time_t)CERT_DAYS * DAY_S / 2;
    bool same = cert != NULL && key != NULL && X509_check_private_key(cert, key) == 1 &&
                X509_verify(cert, X509_get0_pubkey(ca)) == 1 &&
                broker_file_read(folder, NAMES_NAME, &old, NULL) == HR_OK &&
                old.size == strlen(names) && memcmp(old.data, names, old.size) == 0 &&
                X509_cmp_time(X509_get0_notBefore(cert), &now) < 0 &&
                X509_cmp_time(X509_get0_notAfter(cert), &later) > 0;
    X509_free(cert);
    EVP_PKEY_free(key);
    hr_buf_fini(&old);
    return same;
}

bool broker_tls_is_usable(const char *folder)
{
    X509 *cert = read_cert(folder, BROKER_CERT_NAME);
    EVP_PKEY *key = read_key(folder, BROKER_CERT_NAME);
    bool is_usable = cert != NULL && key != NULL && X509_check_private_key(cert, key) == 1;
    X509_free(cert);
    EVP_PKEY_free(key);
    return is_usable;
}

static hr_err write_names(const char *folder, const char *names, hr_why *why)
{
    hr_buf text;
    hr_buf_init(&text, NAMES_SIZE);
    hr_buf_put_text(&text, names);
    hr_err err = hr_buf_err(&text);
    if (err == HR_OK) {
        err = broker_file_write(folder, NAMES_NAME, &text, why);
    }
    hr_buf_fini(&text);
    return err;
}

/* A file that is there and cannot be read just now is no reason for another authority, which no
 * gateway knows yet. */
static hr_err check_readable(const char *folder, const char *name, hr_why *why)
{
    hr_buf text;
    hr_buf_init(&text, BROKER_FILE_BYTES_MAX);
    hr_err err = broker_file_read(folder, name, &text, why);
    hr_buf_fini(&text);
    return err == HR_NOT_FOUND || err == HR_TOO_BIG ? HR_OK : err;
}

/* The authority as it is, or another one where it is damaged or there is none. *key and *cert are
 * for the caller, also after an error. */
static hr_err meet_authority(const char *folder, EVP_PKEY **key, X509 **cert, hr_why *why)
{
    *cert = read_cert(folder, BROKER_CA_NAME);
    *key = read_key(folder, CA_KEY_NAME);
    if (*cert != NULL && *key != NULL && X509_check_private_key(*cert, *key) == 1) {
        return HR_OK;
    }
    X509_free(*cert);
    EVP_PKEY_free(*key);
    *cert = NULL;
    *key = NULL;
    hr_err err = check_readable(folder, BROKER_CA_NAME, why);
    if (err == HR_OK) {
        err = check_readable(folder, CA_KEY_NAME, why);
    }
    if (err == HR_OK) {
        err = make_authority(folder, why);
    }
    if (err == HR_OK) {
        *cert = read_cert(folder, BROKER_CA_NAME);
        *key = read_key(folder, CA_KEY_NAME);
        err = *cert != NULL && *key != NULL ? HR_OK : tls_failed(why, "an authority");
    }
    return err;
}

static hr_err renew(const char *folder, const char *names, hr_why *why)
{
    EVP_PKEY *ca_key;
    X509 *ca;
    hr_err err = meet_authority(folder, &ca_key, &ca, why);
    if (err == HR_OK) {
        err = make_certificate(folder, ca_key, ca, names, why);
    }
    if (err == HR_OK) {
        err = write_names(folder, names, why);
    }
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    return err;
}

hr_err broker_tls_make(const char *folder, bool *is_new, hr_why *why)
{
    char names[NAMES_SIZE];
    collect_names(names);
    X509 *ca = read_cert(folder, BROKER_CA_NAME);
    bool is_needed = ca == NULL || !is_current(folder, ca, names);
    X509_free(ca);
    hr_err err = is_needed ? renew(folder, names, why) : HR_OK;
    if (is_new != NULL) {
        *is_new = is_needed && err == HR_OK;
    }
    return err;
}

hr_err broker_tls_fingerprint(const char *folder, char fingerprint[BROKER_FINGERPRINT_SIZE],
                              hr_why *why)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    X509 *ca = read_cert(folder, BROKER_CA_NAME);
    if (ca == NULL) {
        return hr_why_set(why, HR_NOT_FOUND, "%s has no authority", folder);
    }
    bool is_good = X509_digest(ca, EVP_sha256(), digest, &size) == 1;
    X509_free(ca);
    if (!is_good) {
        return tls_failed(why, "a fingerprint");
    }
    for (unsigned i = 0; i < size; i++) {
        snprintf(fingerprint + i * 3, 4, "%02X%s", digest[i], i + 1 < size ? ":" : "");
    }
    return HR_OK;
}
