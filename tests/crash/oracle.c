// SPDX-License-Identifier: GPL-2.0
/*
 * What a volume may read as after a power cut.  For each sector there is a chain of the operations on
 * it, newest first: at most one is in flight on a sector at a time, so their order is known.
 *
 * A chain lives through power cuts.  What is read after one settles which of its operations has
 * been: from that moment on it must stay so, and the newer ones are dead.
 */
#include <string.h>

#include "rig.h"

#define EXPLAINED_MAX 3 /* sectors of one violation */

struct node {
	size_t op;
	struct node *older;
	uint64_t settled; /* has been read after a power cut; or NEVER */
	uint64_t dead; /* something older has */
};

static struct op *ops;
static size_t op_count, op_room;
static struct node **chain;
static uint64_t volume_sectors;
static uint64_t last_id;
static uint64_t life_began; /* this moment */

static uint64_t mix(uint64_t id, uint64_t lba)
{
	return (id * 0x9e3779b97f4a7c15ull) ^ (lba * 0xc2b2ae3d27d4eb4full);
}

void content_fill(uint8_t *sector, uint64_t id, uint64_t lba)
{
	uint64_t *word = (uint64_t *)sector, x = mix(id, lba);

	word[0] = id;
	word[1] = lba;
	for (unsigned int i = 2; i < SECTOR / 8; i++)
		word[i] = x += 0xd6e8feb86659fd93ull;
}

uint64_t content_of(const uint8_t *sector, uint64_t lba)
{
	const uint64_t *word = (const uint64_t *)sector;
	uint64_t id = word[0], x = mix(id, lba);

	if (!id) {
		for (unsigned int i = 1; i < SECTOR / 8; i++)
			if (word[i])
				return CONTENT_BAD;
		return 0;
	}
	if (word[1] != lba)
		return CONTENT_BAD;
	for (unsigned int i = 2; i < SECTOR / 8; i++)
		if (word[i] != (x += 0xd6e8feb86659fd93ull))
			return CONTENT_BAD;
	return id;
}

static void chain_free(struct node *node)
{
	while (node) {
		struct node *older = node->older;

		free(node);
		node = older;
	}
}

void oracle_start(uint64_t sectors)
{
	for (uint64_t s = 0; s < volume_sectors; s++)
		chain_free(chain[s]);
	free(chain);
	chain = need(sectors * sizeof(*chain));
	volume_sectors = sectors;
	op_count = 0;
	life_began = moment_now();
}

size_t oracle_issue(enum op_kind kind, bool fua, uint64_t sector, uint32_t sectors)
{
	struct op *op;

	if (op_count == op_room) {
		op_room = op_room ? 2 * op_room : 1024;
		ops = realloc(ops, op_room * sizeof(*ops));
		if (!ops)
			die("out of memory");
	}
	op = &ops[op_count];
	*op = (struct op){ .kind = kind, .fua = fua, .sectors = sectors, .sector = sector };
	op->id = kind == OP_WRITE ? ++last_id : 0;
	op->acked = op->durable = op->ordered = NEVER;
	for (uint32_t i = 0; i < sectors; i++) {
		struct node *node = need(sizeof(*node));

		*node = (struct node){ .op = op_count, .older = chain[sector + i] };
		node->settled = node->dead = NEVER;
		chain[sector + i] = node;
	}
	op->issued = moment_next();
	return op_count++;
}

void oracle_ack(size_t op)
{
	ops[op].acked = moment_next();
}

uint64_t oracle_id(size_t op)
{
	return ops[op].id;
}

/* The newest that counts at a moment, of this one and older ones. */
static struct node *counting(struct node *node, uint64_t moment)
{
	while (node && (ops[node->op].issued > moment || node->dead <= moment))
		node = node->older;
	return node;
}

uint64_t oracle_current(uint64_t sector)
{
	const struct node *node = counting(chain[sector], NEVER - 1);

	return node ? ops[node->op].id : 0;
}

void oracle_settle_log(bool acks)
{
	for (size_t i = 0; i < op_count; i++) {
		struct op *op = &ops[i];

		if (op->kind == OP_FLUSH || op->acked == NEVER)
			continue;
		if (op->issued > life_began && (op->fua || acks) && op->acked < op->durable)
			op->durable = op->acked;
		if (op->issued > life_began && op->fua && op->acked < op->ordered)
			op->ordered = op->acked;
		for (size_t f = i + 1; f < op_count; f++) {
			if (ops[f].kind != OP_FLUSH || ops[f].issued < op->acked)
				continue;
			if (ops[f].acked < op->durable)
				op->durable = ops[f].acked;
			if (ops[f].acked < op->ordered)
				op->ordered = ops[f].acked;
			/* One flush at a time: none after it is acknowledged before. */
			if (ops[f].acked != NEVER)
				break;
		}
	}
}

unsigned int oracle_allowed(uint64_t sector, uint64_t moment, uint64_t allowed[ALLOWED_MAX])
{
	unsigned int count = 0;
	struct node *node = counting(chain[sector], moment);

	for (; node; node = counting(node->older, moment)) {
		if (count == ALLOWED_MAX)
			die("sector %llu has too many operations without a flush",
			    (unsigned long long)sector);
		allowed[count++] = ops[node->op].id;
		if (ops[node->op].durable <= moment || node->settled <= moment)
			return count;
	}
	if (count < ALLOWED_MAX)
		allowed[count++] = 0;
	return count;
}

/*
 * What the origin has of the newest operation tells how far the guest was; all that had been
 * flushed, or acknowledged with FUA, before that one was issued must then be there too.
 */
bool oracle_origin_in_order(const uint8_t *image, uint64_t moment)
{
	uint64_t newest = 0;
	size_t newest_op = 0;
	unsigned int wrong = 0;

	for (uint64_t s = 0; s < volume_sectors; s++) {
		uint64_t content = content_of(image + s * SECTOR, s);
		struct node *node;

		if (!content)
			continue; /* may have been so from the beginning */
		for (node = counting(chain[s], moment); node;
		     node = counting(node->older, moment)) {
			if (ops[node->op].id != content)
				continue;
			if (ops[node->op].issued > newest) {
				newest = ops[node->op].issued;
				newest_op = node->op;
			}
			break;
		}
	}
	for (uint64_t s = 0; s < volume_sectors; s++) {
		uint64_t content = content_of(image + s * SECTOR, s);
		struct node *node = counting(chain[s], moment);

		for (; node; node = counting(node->older, moment))
			if (ops[node->op].id == content || ops[node->op].ordered < newest)
				break;
		if (node ? ops[node->op].id == content : !content)
			continue;
		if (wrong++ < EXPLAINED_MAX) {
			printf("  origin alone: sector %llu has %lld, though it has %llu, issued "
			       "at "
			       "%llu\n",
			       (unsigned long long)s, (long long)content,
			       (unsigned long long)ops[newest_op].id, (unsigned long long)newest);
			oracle_explain(s, moment);
		}
	}
	if (wrong)
		printf("  origin alone: %u sectors out of order\n", wrong);
	return !wrong;
}

void oracle_next_life(uint64_t cut, const uint64_t *read)
{
	uint64_t now = moment_next();

	for (size_t i = 0; i < op_count; i++) {
		struct op *op = &ops[i];

		if (op->acked > cut)
			op->acked = NEVER;
		if (op->durable > cut)
			op->durable = NEVER;
		if (op->ordered > cut)
			op->ordered = NEVER;
	}
	for (uint64_t s = 0; s < volume_sectors; s++) {
		struct node *node = chain[s];

		/* What was issued later has never been. */
		while (node && ops[node->op].issued > cut) {
			chain[s] = node->older;
			free(node);
			node = chain[s];
		}
		for (; node && ops[node->op].id != read[s]; node = node->older)
			if (node->dead > now)
				node->dead = now;
		if (!node)
			continue;
		if (node->settled > now)
			node->settled = now;
		if (ops[node->op].acked == NEVER)
			ops[node->op].acked = now;
	}
	while (op_count && ops[op_count - 1].issued > cut)
		op_count--;
	life_began = now;
}

void oracle_explain(uint64_t sector, uint64_t moment)
{
	unsigned int shown = 0;

	for (struct node *node = chain[sector]; node && shown < 8; node = node->older) {
		const struct op *op = &ops[node->op];

		if (op->issued > moment)
			continue;
		shown++;
		printf("    %llu: %s%s of %llu+%u, issued %lld, acked %lld, durable %lld, ordered "
		       "%lld, settled %lld, dead %lld\n",
		       (unsigned long long)op->id,
		       op->kind == OP_WRITE  ? "write"
		       : op->kind == OP_ZERO ? "zeroes"
					     : "discard",
		       op->fua ? " FUA" : "", (unsigned long long)op->sector, op->sectors,
		       (long long)op->issued, (long long)op->acked, (long long)op->durable,
		       (long long)op->ordered, (long long)node->settled, (long long)node->dead);
	}
}
