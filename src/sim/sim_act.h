/*
 * sim_act.h - what the files of actions share; each has the rows of its part of the table.
 *
 *   sim_act_list.c      series, events and markets come     sim_act_life.c  and live
 *   sim_act_exchange.c  pauses, orders of nobody's, accounts, faults, the program
 *   sim_act_users.c     users and keys, status
 */
#ifndef SIM_SIM_ACT_H
#define SIM_SIM_ACT_H

#include "sim/sim_command.h"

#define PARAMS_END                                                                                 \
    {                                                                                              \
        .name = NULL                                                                               \
    }

#define STRUCTURES                                                                                 \
    "linear_cent,deci_cent,tapered_deci_cent,center_whole_edge_half_cent,"                         \
    "center_whole_edge_quint_cent,center_half_edge_half_cent,center_half_edge_quint_cent,"         \
    "center_half_edge_deci_cent,center_quint_edge_quint_cent,center_quint_edge_deci_cent,"         \
    "center_centi_edge_centi_cent,center_deci_edge_centi_cent"
#define FEE_TYPES "quadratic,quadratic_with_maker_fees,quadratic_with_combo_maker_fees"
#define STRIKES   "greater,greater_or_equal,less,less_or_equal,between,functional,custom,structured"

/* A parameter that is kept as a text of a table; json: as JSON. */
struct text_row {
    const char *key;
    int at;
    bool json;
};
extern const struct text_row act_market_texts[];
extern const size_t act_n_market_texts;
/* Set the texts that the action names. */
enum status act_set_texts(const struct call *c, const struct text_row *rows, size_t n, char **text,
                          struct err *err) MUST_CHECK;

/* Rows; each ends with name NULL. */
extern const struct action act_list[], act_life[], act_exchange[], act_users[];

/* A user by name, id, or the id of one of his keys; NO_INDEX: there is none. */
uint32_t act_user(const struct sim *sim, const char *name);

#endif
