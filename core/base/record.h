/* base/record.h - what the log's topics and record types mean to this program. */
#ifndef BASE_RECORD_H
#define BASE_RECORD_H

/* Topics, in the order in which the log is made. */
typedef enum hr_topic {
    HR_TOPIC_POSITIONS, /* P partitions: fixes and what else a decision reads */
    HR_TOPIC_EVENTS,    /* one: what happened; its offset is the public sequence */
    HR_TOPIC_DEAD,      /* one: poison input with its reason */
    HR_TOPICS,
} hr_topic;

/* Types of batches. Values are stored: never renumber. */
typedef enum hr_record {
    HR_RECORD_FIX = 1,       /* positions: hr_fix, 32 bytes each */
    HR_RECORD_RULES = 2,     /* positions: u64 version; what follows is judged by it */
    HR_RECORD_TICK = 3,      /* positions: i64 ms; the only clock that workers know */
    HR_RECORD_NAME = 4,      /* positions: u64 device key, then the id's text */
    HR_RECORD_EVENT = 5,     /* events: base/event.h */
    HR_RECORD_EDIT = 6,      /* events: a change of the rules, as JSON */
    HR_RECORD_ALERT_ACK = 7, /* events: a person has seen an alert, as JSON */
    HR_RECORD_DEAD = 8,      /* dead: u16 topic size, topic, u16 reason size, reason, payload */
} hr_record;

#define HR_RULES_BYTES 8
#define HR_TICK_BYTES 8

#endif
