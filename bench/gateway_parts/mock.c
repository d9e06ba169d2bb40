/* An upstream that costs almost nothing: chat completions and messages, whole and streamed, from one thread on loopback.

     mock PORT

   POST .../chat/completions   a whole answer of about 1.6 KB, or events when the body says "stream": true
                               (role, N pieces, finish, usage when "include_usage": true asks for it, [DONE])
   POST .../messages           the same in the other dialect (message_start ... message_stop)
   GET  /set?chunks=64&gap_us=0&think_us=0   pieces per stream, pause between them, pause before any answer; for all from now on
   GET  /count                 how many answers of each kind were begun
   GET  anything else          a list of models

   Every answer has an id of its own. Nothing is checked: a key, a model and a message are taken as they come. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 4096, EVENTS = 256, MOST_REQUEST = 64 << 20 };
enum kind { CHAT, CHAT_STREAM, MESSAGES, MESSAGES_STREAM, KINDS };

struct buffer { char *bytes; size_t length, room; };

struct connection {
    int fd, is_waiting;            /* is_waiting: stands in `waiting`, more is due */
    struct buffer in, out;
    size_t sent;
    enum kind kind;
    int sent_pieces, wants_usage;
    uint64_t id, due_us;
};

static struct connection *waiting[MOST_CONNECTIONS];
static int waiting_count, poller;
static long chunks = 64, gap_us = 0, think_us = 0;
static uint64_t counts[KINDS], next_id;
static char words[1200];
static const char *const COUNTED[KINDS] = {"chat", "chat_stream", "messages", "messages_stream"};

static uint64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void make_room(struct buffer *b, size_t more) {
    if (b->length + more <= b->room) return;
    b->room = (b->length + more) * 2;
    b->bytes = realloc(b->bytes, b->room);
    if (!b->bytes) abort();
}

static void add(struct buffer *b, const char *bytes, size_t length) {
    make_room(b, length);
    memcpy(b->bytes + b->length, bytes, length);
    b->length += length;
}

static void say(struct connection *c, const char *type, const char *format, ...) {   /* one whole answer */
    char body[4096], head[160];
    va_list rest;
    va_start(rest, format);
    int length = vsnprintf(body, sizeof body, format, rest);
    va_end(rest);
    add(&c->out, head, sprintf(head, "HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n", type, length));
    add(&c->out, body, length);
}

static void event(struct connection *c, const char *format, ...) {                   /* one event, one HTTP chunk */
    char body[1024], head[16];
    va_list rest;
    va_start(rest, format);
    int length = vsnprintf(body, sizeof body, format, rest);
    va_end(rest);
    add(&c->out, head, sprintf(head, "%x\r\n", length));
    add(&c->out, body, length);
    add(&c->out, "\r\n", 2);
}

static void whole_chat(struct connection *c) {
    say(c, "application/json",
        "{\"id\":\"chatcmpl-mock%016llx\",\"object\":\"chat.completion\",\"created\":1764000000,\"model\":\"gpt-4o-mini\","
        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\",\"refusal\":null,\"annotations\":[]},"
        "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":240,\"completion_tokens\":210,"
        "\"total_tokens\":450,\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
        "\"rejected_prediction_tokens\":0}},\"service_tier\":\"default\",\"system_fingerprint\":\"fp_mock\"}",
        (unsigned long long)c->id, words);
}

static void whole_messages(struct connection *c) {
    say(c, "application/json",
        "{\"id\":\"msg_mock%016llx\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-haiku-4-5\","
        "\"content\":[{\"type\":\"text\",\"text\":\"%s\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
        "\"usage\":{\"input_tokens\":240,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
        "\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},\"output_tokens\":210,"
        "\"service_tier\":\"standard\"}}",
        (unsigned long long)c->id, words);
}

static void chat_event(struct connection *c, const char *choices, const char *usage) {
    event(c, "data: {\"id\":\"chatcmpl-mock%016llx\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,"
             "\"model\":\"gpt-4o-mini\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_mock\",\"choices\":[%s]%s%s}\n\n",
          (unsigned long long)c->id, choices, c->wants_usage ? ",\"usage\":" : "", c->wants_usage ? usage : "");
}

static void first_events(struct connection *c) {
    static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
                               "transfer-encoding: chunked\r\n\r\n";
    add(&c->out, head, sizeof head - 1);
    if (c->kind == CHAT_STREAM)
        chat_event(c, "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,"
                      "\"finish_reason\":null}", "null");
    else {
        event(c, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_mock%016llx\",\"type\":\"message\","
                 "\"role\":\"assistant\",\"model\":\"claude-haiku-4-5\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
                 "\"usage\":{\"input_tokens\":240,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
                 "\"output_tokens\":1,\"service_tier\":\"standard\"}}}\n\n", (unsigned long long)c->id);
        event(c, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
                 "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
        event(c, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
    }
}

static void next_piece(struct connection *c) {
    if (c->kind == CHAT_STREAM)
        chat_event(c, "{\"index\":0,\"delta\":{\"content\":\" piece\"},\"logprobs\":null,\"finish_reason\":null}", "null");
    else
        event(c, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
                 "\"delta\":{\"type\":\"text_delta\",\"text\":\" piece\"}}\n\n");
    c->sent_pieces++;
}

static void last_events(struct connection *c) {
    char usage[120];
    if (c->kind == CHAT_STREAM) {
        chat_event(c, "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}", "null");
        snprintf(usage, sizeof usage, "{\"prompt_tokens\":240,\"completion_tokens\":%ld,\"total_tokens\":%ld}", chunks, chunks + 240);
        if (c->wants_usage) chat_event(c, "", usage);
        event(c, "data: [DONE]\n\n");
    } else {
        event(c, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
        event(c, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
                 "\"stop_sequence\":null},\"usage\":{\"output_tokens\":%ld}}\n\n", chunks);
        event(c, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }
    add(&c->out, "0\r\n\r\n", 5);
}

static void wait_until(struct connection *c, uint64_t due_us) {
    c->due_us = due_us;
    if (!c->is_waiting) waiting[waiting_count++] = c;
    c->is_waiting = 1;
}

static void go_on(struct connection *c, uint64_t now) {   /* whatever of the answer is due */
    if (c->kind == CHAT) { whole_chat(c); c->is_waiting = 0; return; }
    if (c->kind == MESSAGES) { whole_messages(c); c->is_waiting = 0; return; }
    if (c->sent_pieces < 0) { first_events(c); c->sent_pieces = 0; }
    do next_piece(c); while (c->sent_pieces < chunks && gap_us == 0);
    if (c->sent_pieces < chunks) { wait_until(c, (now > c->due_us + gap_us ? now : c->due_us) + gap_us); return; }
    last_events(c);
    c->is_waiting = 0;
}

static long knob(const char *line, const char *name, long before) {
    const char *at = strstr(line, name);
    return at ? atol(at + strlen(name)) : before;
}

static void answer_get(struct connection *c, const char *line) {
    if (!strncmp(line, "GET /set?", 9)) {
        chunks = knob(line, "chunks=", chunks);
        gap_us = knob(line, "gap_us=", gap_us);
        think_us = knob(line, "think_us=", think_us);
        say(c, "application/json", "{\"chunks\":%ld,\"gap_us\":%ld,\"think_us\":%ld}", chunks, gap_us, think_us);
    } else if (!strncmp(line, "GET /count", 10)) {
        say(c, "application/json", "{\"%s\":%llu,\"%s\":%llu,\"%s\":%llu,\"%s\":%llu}", COUNTED[0], (unsigned long long)counts[0],
            COUNTED[1], (unsigned long long)counts[1], COUNTED[2], (unsigned long long)counts[2], COUNTED[3],
            (unsigned long long)counts[3]);
    } else
        say(c, "application/json", "{\"object\":\"list\",\"data\":[{\"id\":\"gpt-4o-mini\",\"object\":\"model\",\"created\":1,"
                                   "\"owned_by\":\"mock\"},{\"id\":\"claude-haiku-4-5\",\"object\":\"model\",\"created\":1,\"owned_by\":\"mock\"}]}");
}

static int says_true(const char *body, size_t length, const char *name) {
    const char *at = memmem(body, length, name, strlen(name));
    if (!at) return 0;
    for (at += strlen(name); at < body + length && (*at == ' ' || *at == ':'); at++);
    return body + length - at >= 4 && !memcmp(at, "true", 4);
}

static void begin(struct connection *c, const char *line, const char *body, size_t length) {
    const char *line_end = strchr(line, '\r');
    int is_messages = memmem(line, line_end - line, "/messages", 9) != NULL;
    int is_streamed = says_true(body, length, "\"stream\"");
    c->kind = (is_messages ? MESSAGES : CHAT) + is_streamed;
    c->wants_usage = says_true(body, length, "\"include_usage\"");
    c->sent_pieces = -1;
    c->id = next_id++;
    counts[c->kind]++;
    uint64_t now = gap_us || think_us ? now_us() : 0;
    c->due_us = now;
    if (think_us) wait_until(c, now + think_us);
    else go_on(c, now);
}

/* Where the body of a chunked request ends, counted from its first byte; 0 while it has not all come. */
static size_t chunked_length(const char *body, size_t length) {
    size_t at = 0;
    for (;;) {
        const char *line_end = memmem(body + at, length - at, "\r\n", 2);
        if (!line_end) return 0;
        size_t size = strtoul(body + at, NULL, 16);
        at = line_end - body + 2 + size + 2;
        if (at > length) return 0;
        if (size == 0) return at;
    }
}

static size_t take_request(struct connection *c) {   /* bytes used; 0 while the request has not all come */
    make_room(&c->in, 1);
    c->in.bytes[c->in.length] = 0;
    char *end = memmem(c->in.bytes, c->in.length, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = end - c->in.bytes + 4, body = 0;
    *end = 0;
    char *field = strcasestr(c->in.bytes, "\r\ncontent-length:");
    int is_chunked = !field && strcasestr(c->in.bytes, "\r\ntransfer-encoding: chunked");
    *end = '\r';
    if (field) body = strtoul(field + 17, NULL, 10);
    else if (is_chunked && !(body = chunked_length(c->in.bytes + head, c->in.length - head))) return 0;
    if (c->in.length < head + body) return 0;
    if (c->in.bytes[0] == 'G') answer_get(c, c->in.bytes);
    else begin(c, c->in.bytes, c->in.bytes + head, body);
    return head + body;
}

static void close_connection(struct connection *c) {
    for (int i = 0; c->is_waiting && i < waiting_count; i++)
        if (waiting[i] == c) { waiting[i] = waiting[--waiting_count]; break; }
    close(c->fd);
    free(c->in.bytes);
    free(c->out.bytes);
    free(c);
}

static int flush(struct connection *c) {   /* 0, or -1 when the other side is gone */
    while (c->sent < c->out.length) {
        ssize_t n = send(c->fd, c->out.bytes + c->sent, c->out.length - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
            epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
            return 0;
        }
        if (n < 0) return -1;
        c->sent += n;
    }
    c->sent = c->out.length = 0;
    return 0;
}

static int take_requests(struct connection *c) {   /* every request that has come whole; -1 when the other side is gone */
    size_t used;
    while (!c->is_waiting && c->in.length && (used = take_request(c))) {
        c->in.length -= used;
        memmove(c->in.bytes, c->in.bytes + used, c->in.length);
    }
    return flush(c);
}

static int receive(struct connection *c) {   /* -1 when the other side is gone */
    make_room(&c->in, 65536);
    ssize_t n = recv(c->fd, c->in.bytes + c->in.length, 65536, 0);
    if (n < 0 && errno == EAGAIN) return 0;
    if (n <= 0 || c->in.length + n > MOST_REQUEST) return -1;
    c->in.length += n;
    return take_requests(c);
}

static void send_what_is_due(void) {
    uint64_t now = now_us();
    for (int i = 0; i < waiting_count;) {
        struct connection *c = waiting[i];
        if (c->due_us > now) { i++; continue; }
        go_on(c, now);
        if (!c->is_waiting) waiting[i] = waiting[--waiting_count];
        else i++;
        int is_gone = c->is_waiting ? flush(c) : take_requests(c);
        if (is_gone) close_connection(c);
    }
}

static void set_timer(int timer) {
    uint64_t next = UINT64_MAX;
    for (int i = 0; i < waiting_count; i++)
        if (waiting[i]->due_us < next) next = waiting[i]->due_us;
    struct itimerspec at = {.it_value = {next / 1000000, next % 1000000 * 1000}};
    if (waiting_count) timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void accept_all(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MOST_CONNECTIONS) { close(fd); continue; }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct connection *c = calloc(1, sizeof *c);
        c->fd = fd;
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    }
}

static int listen_on(int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 4096)) { perror("mock"); exit(1); }
    return fd;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    signal(SIGPIPE, SIG_IGN);
    while (strlen(words) < 1000) strcat(words, "Each answer is paid for by somebody, and that somebody would like to know. ");
    int listener = listen_on(atoi(argv[1])), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event on_listener = {.events = EPOLLIN, .data.ptr = NULL}, on_timer = {.events = EPOLLIN, .data.ptr = &timer};
    poller = epoll_create1(0);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &on_listener);
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &on_timer);
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(poller, events, EVENTS, -1), is_due = 0;
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c) { accept_all(listener); continue; }
            if ((void *)c == (void *)&timer) { uint64_t times; is_due = read(timer, &times, sizeof times) > 0; continue; }
            int is_gone = 0;
            if (events[i].events & EPOLLOUT) {
                struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
                epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
                is_gone = flush(c);
            }
            if (!is_gone && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) is_gone = receive(c);
            if (is_gone) close_connection(c);
        }
        if (is_due) send_what_is_due();
        if (waiting_count) set_timer(timer);
    }
}
