/* SPDX-License-Identifier: GPL-2.0 */
/* Between log.c (records) and log_segment.c (segments). */
#ifndef FVP_LOG_PRIVATE_H
#define FVP_LOG_PRIVATE_H

#include "log.h"

void fvp_log_retire(struct fvp_pool *pool);
void fvp_log_full(struct fvp_pool *pool, struct fvp_segment *seg);
/* Fields that stay. */
void fvp_log_record_init(struct fvp_pool *pool, struct fvp_log_record *record);
struct fvp_log_record *fvp_log_close(struct fvp_log *log);
void fvp_log_submit(struct fvp_log_record *record);
void fvp_log_submit_work(struct work_struct *work);

/* Workers; queued on pool->bg_wq. */
void fvp_log_prepare_work(struct work_struct *work);
void fvp_log_seal_work(struct work_struct *work);

#endif /* FVP_LOG_PRIVATE_H */
