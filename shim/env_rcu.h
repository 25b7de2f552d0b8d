/* SPDX-License-Identifier: GPL-2.0 */
/*
 * RCU and SRCU (rcu.c).  A grace period ends as soon as the readers that were
 * inside are gone: memory is freed, and poisoned, as early as the rules allow.
 */
#ifndef SHIM_ENV_RCU_H
#define SHIM_ENV_RCU_H

struct rcu_head {
	struct rcu_head *next;
	void (*func)(struct rcu_head *head);
};
#define callback_head rcu_head

void rcu_read_lock(void);
void rcu_read_unlock(void);
bool rcu_read_lock_held(void);
void synchronize_rcu(void);
void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));
void rcu_barrier(void);
void shim_kfree_rcu(const void *p);

/* One kind of reader here; the others differ in what they keep off a CPU. */
#define rcu_read_lock_sched rcu_read_lock
#define rcu_read_unlock_sched rcu_read_unlock
#define rcu_read_lock_sched_notrace rcu_read_lock
#define rcu_read_unlock_sched_notrace rcu_read_unlock
#define rcu_read_lock_bh rcu_read_lock
#define rcu_read_unlock_bh rcu_read_unlock
#define rcu_read_lock_sched_held rcu_read_lock_held

#define kfree_rcu(p, field) shim_kfree_rcu((1 ? (p) : (__typeof__(p))(void *)&(p)->field))
#define kvfree_rcu(p, field) kfree_rcu(p, field)
#define kfree_rcu_mightsleep(p) shim_kfree_rcu(p)
#define kvfree_rcu_mightsleep(p) shim_kfree_rcu(p)

#define rcu_dereference(p) READ_ONCE(p)
#define rcu_dereference_check(p, c) READ_ONCE(p)
#define rcu_dereference_raw(p) READ_ONCE(p)
#define rcu_access_pointer(p) READ_ONCE(p)
#define srcu_dereference(p, s) READ_ONCE(p)
#define rcu_dereference_protected(p, c)                                                            \
	({                                                                                         \
		WARN_ON(!(c));                                                                     \
		(p);                                                                               \
	})
#define rcu_assign_pointer(p, v) WRITE_ONCE(p, v)
#define RCU_INIT_POINTER(p, v) ((p) = (v))
#define rcu_replace_pointer(p, v, c)                                                               \
	({                                                                                         \
		__typeof__(p) shim_was = (p);                                                      \
		WRITE_ONCE(p, v);                                                                  \
		shim_was;                                                                          \
	})

struct srcu_struct {
	u32 magic;
	int idx;
	int readers[2];
	struct mutex sync;
	wait_queue_head_t wait;
};
int init_srcu_struct(struct srcu_struct *s);
void cleanup_srcu_struct(struct srcu_struct *s);
int srcu_read_lock(struct srcu_struct *s);
void srcu_read_unlock(struct srcu_struct *s, int idx);
void synchronize_srcu(struct srcu_struct *s);
#define __srcu_read_lock srcu_read_lock
#define __srcu_read_unlock srcu_read_unlock
#define srcu_read_lock_notrace srcu_read_lock
#define srcu_read_unlock_notrace srcu_read_unlock
#define srcu_down_read srcu_read_lock
#define srcu_up_read srcu_read_unlock
#define synchronize_srcu_expedited synchronize_srcu
#define srcu_barrier(s) ((void)(s))

#endif /* SHIM_ENV_RCU_H */
