// SPDX-License-Identifier: GPL-2.0
/*
 * HTTP for Prometheus: GET /metrics.  It only reads.  libmicrohttpd does the protocol, in the loop's own
 * thread: it says what to wait for and how long, and bounds what a client may have: so many connections,
 * so much memory and time each.  A slow client costs a connection until it times out, and nobody else anything.
 * (Its own epoll is not used: that one is edge-triggered and misses the end of a client that has gone.)
 */
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fvp.h"
#include "http.h"
#include "listen.h"
#include "metrics.h"

#define CONNECTIONS_MAX 64
#define CONNECTION_BYTES 16384
#define TIMEOUT_S 10
#define TOKEN_MIN 16
#define TOKEN_MAX 256
/* Scrapes that come together are answered with the same look. */
#define FRESH_US 500000

static struct {
	struct MHD_Daemon *daemon;
	int epoll; /* while there is a daemon */
	MHD_socket last; /* highest descriptor in it */
	sd_event_source *io, *timer;
	struct MHD_Response *metrics;
	uint64_t metrics_us;
	char listen[160], token[TOKEN_MAX + 2];
	char unix_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct fvpd *fvpd;
} http;

/* ---- answers ---- */

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned int status,
				   const char *text)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

/* A look at all volumes, as text; the one before if it is young enough. */
static bool metrics_refresh(void)
{
	struct fvpd_text text = { 0 };
	struct fvp_sample sample;
	uint64_t now_us;

	sd_event_now(http.fvpd->event, CLOCK_MONOTONIC, &now_us);
	if (http.metrics && now_us - http.metrics_us < FRESH_US)
		return true;
	if (fvp_sample_load(&sample))
		return false;
	fvpd_metrics(&sample, &text);
	fvp_sample_free(&sample);
	if (http.metrics)
		MHD_destroy_response(http.metrics);
	http.metrics =
		MHD_create_response_from_buffer(text.bytes, text.text, MHD_RESPMEM_MUST_FREE);
	if (!http.metrics) {
		free(text.text);
		return false;
	}
	MHD_add_response_header(http.metrics, "Content-Type",
				"text/plain; version=0.0.4; charset=utf-8");
	http.metrics_us = now_us;
	return true;
}

/* As long as it takes, wherever they differ. */
static bool same_token(const char *given)
{
	size_t len = strlen(http.token), given_len = strlen(given);
	unsigned char differs = len != given_len;

	for (size_t i = 0; i < given_len; i++)
		differs |= (unsigned char)(given[i] ^ http.token[i % (len ? len : 1)]);
	return !differs;
}

static bool allowed(struct MHD_Connection *connection)
{
	const char *given =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");

	if (!http.token[0])
		return true;
	return given && !strncmp(given, "Bearer ", 7) && same_token(given + 7);
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *data_bytes, void **state)
{
	static int seen;

	/* Once with the head alone, then with what it has for us, which is dropped. */
	if (!*state) {
		*state = &seen;
		return MHD_YES;
	}
	if (*data_bytes) {
		*data_bytes = 0;
		return MHD_YES;
	}
	if (!allowed(connection))
		return answer_text(connection, MHD_HTTP_UNAUTHORIZED,
				   "a token is needed: Authorization: Bearer TOKEN\n");
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
				   "fvpd only reads: GET it\n");
	if (!strcmp(url, "/"))
		return answer_text(connection, MHD_HTTP_OK, "fvpd: /metrics is for Prometheus\n");
	if (strcmp(url, "/metrics"))
		return answer_text(connection, MHD_HTTP_NOT_FOUND, "there is only /metrics\n");
	if (!metrics_refresh())
		return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
				   "the kernel did not say: see fvpd's log\n");
	return MHD_queue_response(connection, MHD_HTTP_OK, http.metrics);
}

/* ---- the loop ---- */

static void timer_set(void)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(http.daemon, &ms) != MHD_YES) {
		sd_event_source_set_enabled(http.timer, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time_relative(http.timer, ms * 1000);
	sd_event_source_set_enabled(http.timer, SD_EVENT_ONESHOT);
}

/* What libmicrohttpd waits for, in our epoll. */
static void watch(void)
{
	fd_set in, out, except;
	MHD_socket last = 0;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	if (MHD_get_fdset(http.daemon, &in, &out, &except, &last) != MHD_YES)
		return;
	for (int fd = 0; fd <= last || fd <= http.last; fd++) {
		struct epoll_event event = { .data.fd = fd };

		if (FD_ISSET(fd, &in))
			event.events |= EPOLLIN;
		if (FD_ISSET(fd, &out))
			event.events |= EPOLLOUT;
		if (FD_ISSET(fd, &except))
			event.events |= EPOLLPRI;
		/* One that was closed is out of it by itself; a new one may have its number. */
		if (!event.events)
			epoll_ctl(http.epoll, EPOLL_CTL_DEL, fd, NULL);
		else if (epoll_ctl(http.epoll, EPOLL_CTL_MOD, fd, &event))
			epoll_ctl(http.epoll, EPOLL_CTL_ADD, fd, &event);
	}
	http.last = last;
}

static void work(void)
{
	struct epoll_event event[CONNECTIONS_MAX + 1];
	fd_set in, out, except;
	int count = epoll_wait(http.epoll, event, CONNECTIONS_MAX + 1, 0);

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	for (int i = 0; i < count; i++) {
		if (event[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			FD_SET(event[i].data.fd, &in);
		if (event[i].events & (EPOLLOUT | EPOLLERR))
			FD_SET(event[i].data.fd, &out);
		if (event[i].events & EPOLLPRI)
			FD_SET(event[i].data.fd, &except);
	}
	MHD_run_from_select(http.daemon, &in, &out, &except);
	watch();
	timer_set();
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	work();
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t us, void *arg)
{
	work();
	return 0;
}

/* ---- begin and end ---- */

/* The token in the file; false, having said why, if it is none that protects. */
static bool token_read(const char *path)
{
	struct stat st;
	ssize_t got = -1;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	http.token[0] = '\0';
	if (!path[0])
		return true;
	if (fd >= 0 && !fstat(fd, &st)) {
		if (!S_ISREG(st.st_mode) || st.st_uid || st.st_mode & 077) {
			fvpd_log(LOG_ERR,
				 "%s must be a file of root's that nobody else may read: chown "
				 "root, chmod 600. Nothing is served",
				 path);
			close(fd);
			return false;
		}
		got = read(fd, http.token, sizeof(http.token) - 1);
	}
	if (got < 0)
		fvpd_log(LOG_ERR, "cannot read %s: %s. Nothing is served", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (got < 0)
		return false;
	http.token[got] = '\0';
	http.token[strcspn(http.token, "\r\n")] = '\0';
	if (strlen(http.token) >= TOKEN_MIN && strlen(http.token) <= TOKEN_MAX)
		return true;
	fvpd_log(LOG_ERR, "the first line of %s must have %d to %d characters. Nothing is served",
		 path, TOKEN_MIN, TOKEN_MAX);
	http.token[0] = '\0';
	return false;
}

/* A bound and listening socket, or -1 having said why. */
static int socket_make(const struct fvp_listen *listen_on)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&listen_on->address;
	int fd =
		socket(listen_on->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool is_unix = listen_on->address.ss_family == AF_UNIX;
	mode_t mask;
	int err, on = 1;

	if (fd < 0)
		goto failed;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* One that an fvpd has left which was killed: there is no other one (alone_check()). */
	if (is_unix)
		unlink(un->sun_path);
	mask = umask(0177);
	err = bind(fd, (const struct sockaddr *)&listen_on->address, listen_on->address_bytes);
	umask(mask);
	if (!err && !listen(fd, 128)) {
		if (is_unix)
			strcpy(http.unix_path, un->sun_path);
		return fd;
	}
failed:
	fvpd_log(LOG_ERR, "cannot listen on %s: %s. Nothing is served; set listen in [http]",
		 http.listen, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool loop_add(void)
{
	http.last = 0;
	http.epoll = epoll_create1(EPOLL_CLOEXEC);
	return http.epoll >= 0 &&
	       sd_event_add_io(http.fvpd->event, &http.io, http.epoll, EPOLLIN, on_io, NULL) >= 0 &&
	       sd_event_add_time_relative(http.fvpd->event, &http.timer, CLOCK_MONOTONIC, 0, 0,
					  on_timer, NULL) >= 0;
}

static void begin(const struct fvp_listen *listen_on)
{
	int fd = socket_make(listen_on);

	if (fd < 0)
		return;
	http.daemon = MHD_start_daemon(MHD_NO_FLAG, 0, NULL, NULL, answer, NULL,
				       MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
				       CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S,
				       MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
				       MHD_OPTION_END);
	if (!http.daemon) {
		close(fd);
		fvpd_log(LOG_ERR, "cannot serve HTTP: out of memory");
		return;
	}
	if (!loop_add()) {
		fvpd_log(LOG_ERR, "cannot serve HTTP: no event source");
		fvpd_http_end();
		return;
	}
	fvpd_log(LOG_INFO, "serves /metrics on %s", http.listen);
}

void fvpd_http_end(void)
{
	http.io = sd_event_source_disable_unref(http.io);
	http.timer = sd_event_source_disable_unref(http.timer);
	if (http.daemon) {
		MHD_stop_daemon(http.daemon);
		close(http.epoll);
	}
	http.daemon = NULL;
	if (http.metrics)
		MHD_destroy_response(http.metrics);
	http.metrics = NULL;
	if (http.unix_path[0])
		unlink(http.unix_path);
	http.unix_path[0] = '\0';
}

void fvpd_http_configure(struct fvpd *fvpd)
{
	struct fvp_listen listen_on;
	bool token;

	http.fvpd = fvpd;
	/* The token may be another one in the same file. */
	token = token_read(fvpd->config.token_file);
	if (token && http.daemon && !strcmp(http.listen, fvpd->config.listen))
		return;
	fvpd_http_end();
	snprintf(http.listen, sizeof(http.listen), "%s", fvpd->config.listen);
	if (token && fvp_listen_parse(http.listen, &listen_on) && !listen_on.none)
		begin(&listen_on);
}
