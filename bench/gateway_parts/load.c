/* A load that costs almost nothing: one request over and over on N connections, each asking again when it is answered.

     load PORT FILE CONNECTIONS SECONDS [FIRST [LAST]]

   FILE holds the request as it goes over the wire. After SECONDS nothing more is asked and what is under way is waited for,
   so that every answer is counted, by the caller as by whoever keeps books on the other side. FIRST is a text whose coming
   is the first token; LAST must stand at the end of a whole answer.

   One line of JSON: ok (200 and whole), refused (another status), broken (cut off, unreadable or without LAST), percentiles in
   microseconds of the whole answer and of the first token, seconds until the last answer, own processor seconds, and the last
   refusal's status and text. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, ROOM = 4 << 20, MOST_BROKEN = 1000, PATIENCE_US = 60 * 1000000 };

struct connection {
    int fd, status, is_chunked, is_last;      /* is_last: the server closes after this answer */
    char *in;
    size_t length, head, body, at, scanned;   /* at: where the next chunk's size stands; scanned: looked for FIRST up to here */
    size_t sent;
    uint64_t asked_us, first_us;
};

struct times { uint64_t *us; size_t count, room; };

static struct sockaddr_in server = {.sin_family = AF_INET};
static char *request, refusal[200];
static size_t request_length;
static const char *first = "", *last = "";
static struct times answered, firsts;
static uint64_t ok, refused, broken, deadline;
static int poller, under_way, last_status;

static uint64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void keep(struct times *t, uint64_t us) {
    if (t->count == t->room) t->us = realloc(t->us, (t->room = t->room * 2 + 4096) * sizeof *t->us);
    t->us[t->count++] = us;
}

static void connect_again(struct connection *c) {
    int one = 1;
    if (c->fd >= 0) close(c->fd);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server)) { perror("load"); exit(1); }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e);
}

static void listen_for(struct connection *c, uint32_t what) {
    struct epoll_event e = {.events = what, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
}

static void send_rest(struct connection *c) {
    while (c->sent < request_length) {
        ssize_t n = send(c->fd, request + c->sent, request_length - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) { listen_for(c, EPOLLIN | EPOLLOUT); return; }
        if (n < 0) return;   /* the reading side will see the end */
        c->sent += n;
    }
}

static void ask(struct connection *c) {
    c->length = c->head = c->sent = 0;
    c->first_us = 0;
    c->asked_us = now_us();
    under_way++;
    send_rest(c);
}

static void read_head(struct connection *c) {
    char *end = memmem(c->in, c->length, "\r\n\r\n", 4);
    if (!end) return;
    *end = 0;
    c->head = c->at = c->scanned = end - c->in + 4;
    c->status = atoi(c->in + 9);
    char *length = strcasestr(c->in, "\r\ncontent-length:");
    c->is_chunked = !length && strcasestr(c->in, "\r\ntransfer-encoding: chunked");
    c->is_last = strcasestr(c->in, "\r\nconnection: close") != NULL;
    c->body = length ? strtoul(length + 17, NULL, 10) : SIZE_MAX / 2;   /* else: until the server closes */
    *end = '\r';
}

static int is_whole(struct connection *c) {
    if (!c->is_chunked) return c->length >= c->head + c->body;
    for (;;) {
        char *line_end = memmem(c->in + c->at, c->length - c->at, "\r\n", 2);
        if (!line_end) return 0;
        size_t size = strtoul(c->in + c->at, NULL, 16), next = line_end - c->in + 2 + size + 2;
        if (next > c->length) return 0;
        if (size == 0) return 1;
        c->at = next;
    }
}

static void look_for_first(struct connection *c, uint64_t now) {
    size_t text = strlen(first);
    if (!text || c->first_us || c->length < c->scanned + text) return;
    if (memmem(c->in + c->scanned, c->length - c->scanned, first, text)) c->first_us = now;
    else c->scanned = c->length - text + 1;
}

static int ends_with_last(struct connection *c) {
    size_t tail = c->length - c->head < 64 ? c->length - c->head : 64;
    return !*last || memmem(c->in + c->length - tail, tail, last, strlen(last)) != NULL;
}

static void count_refusal(struct connection *c) {
    refused++;
    last_status = c->status;
    size_t n = c->length - c->head < sizeof refusal - 1 ? c->length - c->head : sizeof refusal - 1;
    for (size_t i = 0; i < n; i++) {
        unsigned char letter = c->in[c->head + i];
        refusal[i] = letter < ' ' || letter > '~' || letter == '"' || letter == '\\' ? '\'' : letter;
    }
    refusal[n] = 0;
}

static void finish(struct connection *c, uint64_t now, int came_whole) {
    under_way--;
    if (!c->head || !came_whole) broken++;
    else if (c->status != 200) count_refusal(c);
    else if (!ends_with_last(c) || (*first && !c->first_us)) broken++;
    else {
        ok++;
        keep(&answered, now - c->asked_us);
        if (c->first_us) keep(&firsts, c->first_us - c->asked_us);
    }
    if (now >= deadline || broken > MOST_BROKEN) return;
    if (c->is_last || !came_whole) connect_again(c);
    ask(c);
}

static void receive(struct connection *c) {
    ssize_t n = recv(c->fd, c->in + c->length, ROOM - c->length, 0);
    if (n < 0 && errno == EAGAIN) return;
    uint64_t now = now_us();
    if (n <= 0) {
        int is_until_close = c->head && !c->is_chunked && c->body == SIZE_MAX / 2;
        listen_for(c, 0);
        finish(c, now, is_until_close && n == 0);
        return;
    }
    c->length += n;
    if (!c->head) read_head(c);
    if (!c->head) return;
    look_for_first(c, now);
    if (is_whole(c)) finish(c, now, 1);
}

static int by_size(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void tell(const char *name, struct times *t) {
    double sum = 0;
    qsort(t->us, t->count, sizeof *t->us, by_size);
    for (size_t i = 0; i < t->count; i++) sum += t->us[i];
#define AT(share) (unsigned long long)t->us[(size_t)((t->count - 1) * (share))]
    if (t->count)
        printf("\"%sp50_us\":%llu,\"%sp90_us\":%llu,\"%sp99_us\":%llu,\"%smax_us\":%llu,\"%smean_us\":%.1f,", name, AT(.5), name,
               AT(.9), name, AT(.99), name, AT(1), name, sum / t->count);
}

static void read_request(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) { perror(path); exit(2); }
    request = malloc(ROOM);
    request_length = fread(request, 1, ROOM, file);
    fclose(file);
}

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    server.sin_port = htons(atoi(argv[1]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    read_request(argv[2]);
    int connections = atoi(argv[3]);
    if (argc > 5) first = argv[5];
    if (argc > 6) last = argv[6];
    poller = epoll_create1(0);
    struct connection *all = calloc(connections, sizeof *all);
    for (int i = 0; i < connections; i++) {
        all[i].fd = -1;
        all[i].in = malloc(ROOM);
        connect_again(&all[i]);
    }
    uint64_t start = now_us();
    deadline = start + (uint64_t)(atof(argv[4]) * 1e6);
    for (int i = 0; i < connections; i++) ask(&all[i]);
    while (under_way && now_us() < deadline + PATIENCE_US) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(poller, events, EVENTS, 1000);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) { listen_for(c, EPOLLIN); send_rest(c); }
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(c);
        }
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("{\"ok\":%llu,\"refused\":%llu,\"broken\":%llu,", (unsigned long long)ok, (unsigned long long)refused,
           (unsigned long long)(broken + under_way));
    tell("", &answered);
    tell("first_", &firsts);
    printf("\"seconds\":%.3f,\"load_cpu_s\":%.3f,\"last_status\":%d,\"last_refusal\":\"%s\"}\n", (now_us() - start) / 1e6,
           used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6, last_status, refusal);
    return 0;
}
