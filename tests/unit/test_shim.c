// SPDX-License-Identifier: GPL-2.0
/* The shim keeps the promises of the names it lends. */
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

TEST(shim_crc32c, "crc32c gives the published check value")
{
	EXPECT_EQ(crc32c(~0u, "123456789", 9) ^ ~0u, 0xe3069283u);
	EXPECT_EQ(crc32c(crc32c(~0u, "1234", 4), "56789", 5) ^ ~0u, 0xe3069283u);
}

TEST(shim_rounding, "rounding and logarithms at their edges")
{
	EXPECT_EQ(round_up(17u, 8), 24);
	EXPECT_EQ(round_down(17u, 8), 16);
	EXPECT_EQ(roundup(17, 5), 20);
	EXPECT_EQ(ilog2(1), 0);
	EXPECT_EQ(ilog2(4096), 12);
	EXPECT_EQ(roundup_pow_of_two(4097), 8192);
	EXPECT_EQ(fls64(1ull << 63), 64);
	EXPECT_EQ(GENMASK_ULL(7, 4), 0xf0);
}

static int freed_late;

static void reader(void *arg)
{
	volatile int *p = arg;

	rcu_read_lock();
	shim_yield();
	freed_late = *p;
	rcu_read_unlock();
}

TEST(shim_rcu, "memory given to kfree_rcu lives as long as the readers from before")
{
	int *p = kmalloc(sizeof(int), GFP_KERNEL);

	*p = 4711;
	freed_late = 0;
	shim_fiber_spawn("reader", reader, p);
	shim_step();
	shim_kfree_rcu(p);
	EXPECT_EQ(shim_alloc_count(), 1);
	while (shim_step() && !freed_late)
		;
	EXPECT_EQ(freed_late, 4711);
	shim_step();
	EXPECT_EQ(shim_alloc_count(), 0);
}

static struct srcu_struct srcu;
static int srcu_order;

static void srcu_reader(void *arg)
{
	int idx = srcu_read_lock(&srcu);

	shim_sleep_ns(5000);
	EXPECT_EQ(srcu_order, 0);
	srcu_order = 1;
	srcu_read_unlock(&srcu, idx);
}

TEST(shim_srcu, "synchronize_srcu waits for readers, which may sleep")
{
	srcu_order = 0;
	init_srcu_struct(&srcu);
	shim_fiber_spawn("reader", srcu_reader, NULL);
	shim_step();
	synchronize_srcu(&srcu);
	EXPECT_EQ(srcu_order, 1);
	cleanup_srcu_struct(&srcu);
}

static int ran;
static struct workqueue_struct *wq;

static void work_fn(struct work_struct *work)
{
	ran++;
	if (ran == 1) {
		EXPECT(queue_work(wq, work));
		EXPECT(!queue_work(wq, work));
	}
}

TEST(shim_work, "a work that is pending is not queued twice; a running one may be queued again")
{
	struct work_struct work;

	ran = 0;
	wq = alloc_workqueue("test", 0, 0);
	INIT_WORK(&work, work_fn);
	EXPECT(queue_work(wq, &work));
	EXPECT(!queue_work(wq, &work));
	destroy_workqueue(wq);
	EXPECT_EQ(ran, 2);
}

static void work_count(struct work_struct *work)
{
	ran++;
}

TEST(shim_delayed_work, "a delayed work runs when its time has come, and can be cancelled")
{
	struct delayed_work dw;

	ran = 0;
	wq = alloc_workqueue("test", 0, 1);
	INIT_DELAYED_WORK(&dw, work_count);
	EXPECT(queue_delayed_work(wq, &dw, 5));
	msleep(2);
	EXPECT_EQ(ran, 0);
	msleep(10);
	EXPECT_EQ(ran, 1);
	EXPECT(queue_delayed_work(wq, &dw, 5));
	EXPECT(cancel_delayed_work_sync(&dw));
	msleep(10);
	EXPECT_EQ(ran, 1);
	destroy_workqueue(wq);
}

TEST(shim_wait_timeout, "wait_event_timeout ends at its time")
{
	wait_queue_head_t head;
	unsigned long before = jiffies;

	init_waitqueue_head(&head);
	EXPECT_EQ(wait_event_timeout(head, false, 20), 0);
	EXPECT(jiffies - before >= 20 && jiffies - before <= 22);
	EXPECT(wait_event_timeout(head, true, 20) > 0);
}

TEST(shim_interval_tree, "intervals come in order of their start, those that touch only")
{
	struct rb_root_cached root = RB_ROOT_CACHED;
	struct interval_tree_node n[4] = { { .start = 10, .last = 19 },
					   { .start = 0, .last = 99 },
					   { .start = 30, .last = 39 },
					   { .start = 15, .last = 15 } };
	struct interval_tree_node *node;

	for (u32 i = 0; i < 4; i++)
		interval_tree_insert(&n[i], &root);
	node = interval_tree_iter_first(&root, 15, 29);
	EXPECT(node == &n[1]);
	node = interval_tree_iter_next(node, 15, 29);
	EXPECT(node == &n[0]);
	node = interval_tree_iter_next(node, 15, 29);
	EXPECT(node == &n[3]);
	EXPECT(!interval_tree_iter_next(node, 15, 29));
	for (u32 i = 0; i < 4; i++)
		interval_tree_remove(&n[i], &root);
	EXPECT(RB_EMPTY_ROOT(&root.rb_root));
}

/* --- what ends a run --- */

static void on_die_exit(const char *what)
{
	_exit(strstr(what, "lock order") ? 42 : 1);
}

/* Does fn, in a process of its own, break the order of locks? */
static bool order_breaks(void (*fn)(void))
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		shim_die_hook = on_die_exit;
		fn();
		_exit(0);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	EXPECT(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 42);
	return WEXITSTATUS(status) == 42;
}

static struct mutex outer, inner;
static spinlock_t spin;

static void order_kept(void)
{
	for (int i = 0; i < 2; i++) {
		mutex_lock(&outer);
		mutex_lock(&inner);
		spin_lock(&spin);
		spin_unlock(&spin);
		/* Not as they were taken. */
		mutex_unlock(&outer);
		mutex_unlock(&inner);
	}
	/* Nobody waits for a lock that is only tried. */
	mutex_lock(&inner);
	EXPECT(mutex_trylock(&outer));
	mutex_unlock(&outer);
	mutex_unlock(&inner);
}

static void order_turned(void)
{
	order_kept();
	mutex_lock(&inner);
	mutex_lock(&outer);
}

static void order_by_way_of_third(void)
{
	order_kept();
	spin_lock(&spin);
	/* That one sleeps, too, but its place is looked at first. */
	shim_order_check(outer.class, false);
}

static void locking_work(struct work_struct *work)
{
	mutex_lock(&outer);
	mutex_unlock(&outer);
}

static struct work_struct locker;

/* The work has long ended, and could have been late. */
static void order_of_work(void)
{
	struct workqueue_struct *wq = alloc_workqueue("order", 0, 1);

	INIT_WORK(&locker, locking_work);
	queue_work(wq, &locker);
	flush_work(&locker);
	mutex_lock(&outer);
	flush_work(&locker);
}

TEST(shim_lock_order, "locks taken in one order here and in the other there end a run, unmet")
{
	mutex_init(&outer);
	mutex_init(&inner);
	spin_lock_init(&spin);
	EXPECT(!order_breaks(order_kept));
	EXPECT(order_breaks(order_turned));
	EXPECT(order_breaks(order_by_way_of_third));
	EXPECT(order_breaks(order_of_work));
}
