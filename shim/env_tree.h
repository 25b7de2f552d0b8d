/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interval trees, as an ordered list inside: core's trees hold what is in flight,
 * a few dozen ranges, and the order of iteration is the same (by start).
 */
#ifndef SHIM_ENV_TREE_H
#define SHIM_ENV_TREE_H

struct rb_node {
	struct rb_node *next, *prev; /* in order of start; NULL-terminated */
};

#define SHIM_TREE_POISON ((struct rb_node *)0x200)

struct rb_root {
	struct rb_node *rb_node; /* the first */
};

struct rb_root_cached {
	struct rb_root rb_root;
};

#define RB_ROOT ((struct rb_root){ NULL })
#define RB_ROOT_CACHED ((struct rb_root_cached){ { NULL } })
#define RB_EMPTY_ROOT(root) (READ_ONCE((root)->rb_node) == NULL)
#define RB_CLEAR_NODE(node) ((node)->next = (node)->prev = (node))
#define RB_EMPTY_NODE(node) ((node)->next == (node))

struct interval_tree_node {
	struct rb_node rb;
	unsigned long start; /* first .. */
	unsigned long last; /* .. and last covered */
};

void interval_tree_insert(struct interval_tree_node *node, struct rb_root_cached *root);
void interval_tree_remove(struct interval_tree_node *node, struct rb_root_cached *root);
struct interval_tree_node *interval_tree_iter_first(struct rb_root_cached *root,
						    unsigned long start, unsigned long last);
struct interval_tree_node *interval_tree_iter_next(struct interval_tree_node *node,
						   unsigned long start, unsigned long last);

#endif /* SHIM_ENV_TREE_H */
