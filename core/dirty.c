// SPDX-License-Identifier: GPL-2.0
/* See dirty.h. */
#include "pool.h"
#include "dirty.h"

void fvp_dirty_init(struct fvp_volume *vol)
{
	INIT_LIST_HEAD(&vol->dirty.chunks);
}

void fvp_dirty_destroy(struct fvp_volume *vol)
{
	struct fvp_dirty_chunk *chunk, *tmp;

	list_for_each_entry_safe (chunk, tmp, &vol->dirty.chunks, node)
		kfree(chunk);
	kfree(vol->dirty.spare);
	INIT_LIST_HEAD(&vol->dirty.chunks);
	vol->dirty.spare = NULL;
}

static struct fvp_dirty_chunk *last_chunk(struct fvp_volume *vol)
{
	return list_empty(&vol->dirty.chunks)
		       ? NULL
		       : list_last_entry(&vol->dirty.chunks, struct fvp_dirty_chunk, node);
}

int fvp_dirty_make_room(struct fvp_volume *vol)
{
	struct fvp_dirty_chunk *chunk = kmalloc(sizeof(*chunk), GFP_NOIO);

	if (!chunk)
		return -ENOMEM;
	spin_lock(&vol->lock);
	swap(chunk, vol->dirty.spare);
	spin_unlock(&vol->lock);
	kfree(chunk);
	return 0;
}

/* A chunk for its first entry, the last one if that has room. */
static noinline struct fvp_dirty_chunk *chunk_begin(struct fvp_volume *vol,
						    struct fvp_dirty_chunk *chunk)
{
	struct fvp_dirty *dirty = &vol->dirty;

	if (!chunk || chunk->end == FVP_DIRTY_CHUNK) {
		chunk = dirty->spare;
		dirty->spare = NULL;
		chunk->first = chunk->end = 0;
		list_add_tail(&chunk->node, &dirty->chunks);
	}
	chunk->born_ns = fvp_host_now_ns();
	return chunk;
}

struct fvp_dirty_entry *fvp_dirty_push(struct fvp_volume *vol, const struct fvp_append *append)
{
	struct fvp_dirty_chunk *chunk = last_chunk(vol);
	struct fvp_dirty *dirty = &vol->dirty;
	struct fvp_dirty_entry *e;

	lockdep_assert_held(&vol->lock);
	if (unlikely(!chunk || chunk->end == FVP_DIRTY_CHUNK || chunk->first == chunk->end))
		chunk = chunk_begin(vol, chunk);
	e = &chunk->e[chunk->end++];
	*e = (struct fvp_dirty_entry){ .lba = append->lba,
				       .kind = append->kind,
				       .addr = append->addr,
				       .len_sectors = append->len_sectors,
				       .epoch = append->arg };
	dirty->entries++;
	dirty->epoch_used = true;
	WRITE_ONCE(dirty->in, dirty->in + fvp_dirty_weight(e));
	return e;
}

int fvp_dirty_push_front(struct fvp_volume *vol, struct fvp_segment *seg,
			 const struct fvp_entry *entry)
{
	struct fvp_dirty *dirty = &vol->dirty;
	struct fvp_dirty_chunk *chunk;
	struct fvp_dirty_entry *e;

	chunk = list_first_entry_or_null(&dirty->chunks, struct fvp_dirty_chunk, node);
	if (!chunk || !chunk->first) {
		chunk = kmalloc(sizeof(*chunk), GFP_NOIO);
		if (!chunk)
			return -ENOMEM;
		chunk->first = chunk->end = FVP_DIRTY_CHUNK;
		chunk->born_ns = fvp_host_now_ns();
		list_add(&chunk->node, &dirty->chunks);
	}
	e = &chunk->e[--chunk->first];
	e->lba = entry->lba;
	e->failed = 0;
	e->kind = entry->kind;
	e->addr = fvp_segment_addr(vol->pool, seg) + entry->offset_sectors;
	e->len_sectors = entry->len_sectors;
	e->crc = entry->crc;
	e->epoch = entry->arg;
	dirty->entries++;
	dirty->in += fvp_dirty_weight(e);
	seg->dirty++;
	return 0;
}

void fvp_dirty_epoch_end(struct fvp_volume *vol)
{
	lockdep_assert_held(&vol->lock);
	vol->dirty.epoch += vol->dirty.epoch_used;
	vol->dirty.epoch_used = false;
}

u32 fvp_dirty_epochs(struct fvp_volume *vol)
{
	struct fvp_dirty_cursor cur;
	struct fvp_dirty_entry *e;
	u32 epochs;

	spin_lock(&vol->lock);
	fvp_dirty_begin(vol, &cur);
	e = fvp_dirty_at(vol, &cur);
	epochs = e ? vol->dirty.epoch - e->epoch + 1 : 0;
	spin_unlock(&vol->lock);
	return epochs;
}

void fvp_dirty_begin(struct fvp_volume *vol, struct fvp_dirty_cursor *cur)
{
	cur->chunk = list_first_entry_or_null(&vol->dirty.chunks, struct fvp_dirty_chunk, node);
	cur->at = cur->chunk ? cur->chunk->first : 0;
}

struct fvp_dirty_entry *fvp_dirty_at(struct fvp_volume *vol, struct fvp_dirty_cursor *cur)
{
	lockdep_assert_held(&vol->lock);
	while (cur->chunk && cur->at == cur->chunk->end) {
		if (list_is_last(&cur->chunk->node, &vol->dirty.chunks))
			return NULL;
		cur->chunk = list_next_entry(cur->chunk, node);
		cur->at = cur->chunk->first;
	}
	return cur->chunk ? &cur->chunk->e[cur->at] : NULL;
}

u64 fvp_dirty_place(struct fvp_pool *pool, const struct fvp_dirty_entry *e)
{
	return fvp_place(fvp_segment_at(pool, e->addr)->gen,
			 (u32)e->addr & (pool->segment_sectors - 1));
}

u64 fvp_dirty_from(struct fvp_volume *vol)
{
	struct fvp_dirty_cursor cur;
	struct fvp_dirty_entry *e;
	u64 place = ~0ULL;

	spin_lock(&vol->lock);
	fvp_dirty_begin(vol, &cur);
	e = fvp_dirty_at(vol, &cur);
	if (e)
		place = fvp_dirty_place(vol->pool, e);
	spin_unlock(&vol->lock);
	return place;
}

/* Counts one dirty entry of its segment off.  True: the segment has no other. */
static bool segment_retire(struct fvp_pool *pool, u64 addr)
{
	struct fvp_segment *seg = fvp_segment_at(pool, addr);
	unsigned long flags;
	bool clean;

	spin_lock_irqsave(&pool->log.lock, flags);
	clean = !--seg->dirty;
	pool->log.dirty_segments -= clean;
	pool->log.dirty_entries--;
	spin_unlock_irqrestore(&pool->log.lock, flags);
	return clean;
}

void fvp_dirty_retire(struct fvp_volume *vol, u32 count)
{
	struct fvp_pool *pool = vol->pool;
	struct fvp_dirty *dirty = &vol->dirty;
	struct fvp_dirty_chunk *done;
	struct fvp_dirty_cursor cur;
	bool clean = false;
	u64 addr;

	while (count--) {
		done = NULL;
		spin_lock(&vol->lock);
		fvp_dirty_begin(vol, &cur);
		addr = fvp_dirty_at(vol, &cur)->addr;
		WRITE_ONCE(dirty->out, dirty->out + fvp_dirty_weight(&cur.chunk->e[cur.at]));
		dirty->entries--;
		cur.chunk->first = cur.at + 1;
		/* A full chunk that is used up; the last one may still be added to. */
		if (cur.chunk->first == FVP_DIRTY_CHUNK) {
			done = cur.chunk;
			list_del(&done->node);
		}
		spin_unlock(&vol->lock);
		kfree(done);
		clean |= segment_retire(pool, addr);
		cond_resched();
	}
	if (!clean)
		return;
	fvp_log_dirty_advance(pool);
	queue_work(pool->bg_wq, &pool->prepare_work);
	fvp_log_wake(pool);
}

bool fvp_dirty_covers(struct fvp_volume *vol, u64 lba, u32 len_sectors)
{
	struct fvp_dirty_cursor cur;
	struct fvp_dirty_entry *e;
	bool found = false;

	spin_lock(&vol->lock);
	fvp_dirty_begin(vol, &cur);
	while (!found && (e = fvp_dirty_at(vol, &cur))) {
		found = !e->failed && e->lba < lba + len_sectors && lba < e->lba + e->len_sectors;
		cur.at++;
	}
	spin_unlock(&vol->lock);
	return found;
}

u64 fvp_pool_dirty_span(struct fvp_pool *pool)
{
	struct fvp_log *log = &pool->log;
	unsigned long flags;
	u64 span;

	spin_lock_irqsave(&log->lock, flags);
	span = (u64)log->dirty_segments * pool->segment_sectors;
	spin_unlock_irqrestore(&log->lock, flags);
	return span;
}

u64 fvp_pool_dirty_limit(struct fvp_pool *pool)
{
	return (u64)pool->dirty_segments_max * pool->segment_sectors;
}

u32 fvp_pool_dirty_fill(const struct fvp_pool *pool)
{
	return READ_ONCE(pool->log.dirty_fill);
}
