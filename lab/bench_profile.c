// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin of QEMU (TCG): counts how often each translated block of the guest's kernel is executed
 * between two marks.  lab/bench-profile builds and loads it, and makes a table of functions of what it writes.
 *
 * A mark is the instruction "nopl 0x504656NN(%rax,%rax,1)", which does nothing on any CPU: NN is 0 to begin, 1 to
 * end and write what was counted to the file PREFIX.<number of the window>, lines "address executions length...": one
 * length for each instruction.  The line "user" has the instructions executed outside the kernel.
 *
 * Debian ships no qemu-plugin.h, so what is used of it (interface version 1) is declared here.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t qemu_plugin_id_t;
enum { QEMU_PLUGIN_CB_NO_REGS };
enum { QEMU_PLUGIN_INLINE_ADD_U64 };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *ptr,
					      uint64_t value);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int, void *), int flags,
					    void *data);

int qemu_plugin_version = 1;

#define MARK_BYTES 8

struct block {
	struct block *next;
	uint64_t addr;
	uint64_t count, count_before; /* executions: so far, when the window began */
	size_t insns;
	uint8_t bytes[]; /* of each instruction */
};

/* Blocks are never freed: the code of one translated anew is counted in both. */
static struct block *blocks;
static uint64_t user, user_before;
static const char *prefix;
static unsigned int window;

static void begin(unsigned int cpu, void *unused)
{
	struct block *block;

	for (block = blocks; block; block = block->next)
		block->count_before = block->count;
	user_before = user;
}

static void end(unsigned int cpu, void *unused)
{
	struct block *block;
	char path[4096];
	FILE *file;
	size_t i;

	snprintf(path, sizeof(path), "%s.%u", prefix, window++);
	file = fopen(path, "w");
	if (!file) {
		perror(path);
		exit(1);
	}
	fprintf(file, "user %" PRIu64 "\n", user - user_before);
	for (block = blocks; block; block = block->next) {
		if (block->count == block->count_before)
			continue;
		fprintf(file, "%" PRIx64 " %" PRIu64, block->addr,
			block->count - block->count_before);
		for (i = 0; i < block->insns; i++)
			fprintf(file, " %u", block->bytes[i]);
		fputc('\n', file);
	}
	fclose(file);
}

/* 0 begin, 1 end, -1 not a mark */
static int mark(const struct qemu_plugin_insn *insn)
{
	static const uint8_t nopl[] = { 0x0f, 0x1f, 0x84, 0x00 }, name[] = { 'V', 'F', 'P' };
	const uint8_t *data = qemu_plugin_insn_data(insn);

	if (qemu_plugin_insn_size(insn) != MARK_BYTES || memcmp(data, nopl, 4) ||
	    memcmp(data + 5, name, 3) || data[4] > 1)
		return -1;
	return data[4];
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb), i;
	uint64_t addr = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
	bool kernel = addr >> 63;
	struct block *block;

	if (!kernel) {
		qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &user, n);
		for (i = 0; i < n; i++) {
			struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
			int which = mark(insn);

			if (which >= 0)
				qemu_plugin_register_vcpu_insn_exec_cb(
					insn, which ? end : begin, QEMU_PLUGIN_CB_NO_REGS, NULL);
		}
		return;
	}
	block = calloc(1, sizeof(*block) + n);
	if (!block)
		abort();
	block->addr = addr;
	block->insns = n;
	for (i = 0; i < n; i++)
		block->bytes[i] = qemu_plugin_insn_size(qemu_plugin_tb_get_insn(tb, i));
	block->next = blocks;
	blocks = block;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &block->count, 1);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "want out=PREFIX\n");
		return -1;
	}
	prefix = strdup(argv[0] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
