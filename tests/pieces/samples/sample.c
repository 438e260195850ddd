/* A queue of letters that wait for the post. */
#include <stdio.h>
#include "queue.h"

#define QUEUE_SIZE 64 /* letters */
#define MAX(a, b) ((a) > (b) ? (a) : (b))

typedef unsigned long letter_id;

/* One letter and the next. */
struct letter {
    letter_id id;
    struct letter *next;
};

typedef struct queue {
    struct letter *head;
    int length;
} queue_t;

enum state { WAITING, SENT };

typedef int (*compare_fn)(const void *, const void *);

static const char *const state_names[] = {"waiting", "sent"};
int queue_length(const queue_t *queue);
static int counter = 0, limit;

/* Puts a letter at the end. */
static inline int
queue_push(queue_t *queue, struct letter *letter)
{
    letter->next = queue->head;
    queue->head = letter;
    return ++queue->length;
}

#ifdef DEBUG
// Prints every letter.
void queue_dump(const queue_t *queue) {
    for (struct letter *l = queue->head; l; l = l->next)
        printf("%lu\n", l->id);
}
#else
void queue_dump(const queue_t *queue) { (void)queue; }
#endif

struct letter **queue_letters(queue_t *queue) { return &queue->head; }
