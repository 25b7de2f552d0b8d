// SPDX-License-Identifier: GPL-2.0
/* Interval "trees": an ordered list (env_tree.h says why that is enough). */
#include "env.h"

static struct interval_tree_node *node_of(struct rb_node *rb)
{
	return rb ? container_of(rb, struct interval_tree_node, rb) : NULL;
}

static struct interval_tree_node *first_from(struct rb_node *rb, unsigned long start,
					     unsigned long last)
{
	for (; rb; rb = rb->next) {
		struct interval_tree_node *node = node_of(rb);

		if (node->start > last)
			return NULL;
		if (node->last >= start)
			return node;
	}
	return NULL;
}

void interval_tree_insert(struct interval_tree_node *node, struct rb_root_cached *root)
{
	struct rb_node **link = &root->rb_root.rb_node;
	struct rb_node *prev = NULL;

	if (node->start > node->last)
		shim_die("interval %lu..%lu", node->start, node->last);
	while (*link && node_of(*link)->start <= node->start) {
		prev = *link;
		if (prev == &node->rb)
			shim_die("interval inserted twice");
		link = &prev->next;
	}
	node->rb.prev = prev;
	node->rb.next = *link;
	if (*link)
		(*link)->prev = &node->rb;
	*link = &node->rb;
}

void interval_tree_remove(struct interval_tree_node *node, struct rb_root_cached *root)
{
	struct rb_node *rb = &node->rb;

	if (rb->prev ? rb->prev->next != rb : root->rb_root.rb_node != rb)
		shim_die("interval %lu..%lu removed from a tree it is not in", node->start,
			 node->last);
	if (rb->prev)
		rb->prev->next = rb->next;
	else
		root->rb_root.rb_node = rb->next;
	if (rb->next)
		rb->next->prev = rb->prev;
	rb->next = SHIM_TREE_POISON;
	rb->prev = SHIM_TREE_POISON;
}

struct interval_tree_node *interval_tree_iter_first(struct rb_root_cached *root,
						    unsigned long start, unsigned long last)
{
	return first_from(root->rb_root.rb_node, start, last);
}

struct interval_tree_node *interval_tree_iter_next(struct interval_tree_node *node,
						   unsigned long start, unsigned long last)
{
	return first_from(node->rb.next, start, last);
}
