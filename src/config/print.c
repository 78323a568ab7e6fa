/* print.c - options as INI, JSON, help text and Markdown. */
#include <stdio.h>
#include <string.h>

#include "config/config_int.h"

/* What begins a line must not look like a comment, nor like a key of its own, as "b=2" of
 * "fault:a=1,b=2" would: no '=' before the first ':'. */
static bool may_begin_line(const struct config_list *list, size_t k)
{
    if (list->v[k][0] == '#') {
        return false;
    }
    for (; k < list->n; k++) {
        char first = list->v[k][strcspn(list->v[k], ":=")];
        if (first != '\0') {
            return first == ':';
        }
    }
    return true;
}

/* A list whose line would be too long for INI goes on in indented lines. */
static void print_list(const struct config *c, size_t i, struct buf *out)
{
    const struct config_list *list =
        (const void *)((const uint8_t *)c->out + c->table->v[i].offset);
    size_t column = 60;
    for (size_t k = 0; k < list->n; k++) {
        column += strlen(list->v[k]) + 1;
        if (k > 0 && column > 180 && may_begin_line(list, k)) {
            buf_str(out, "\n    ");
            column = 4 + strlen(list->v[k]) + 1;
        } else if (k > 0) {
            buf_char(out, ',');
        }
        buf_str(out, list->v[k]);
    }
}

void config_print(const struct config *c, struct buf *out)
{
    const char *section = "";
    for (size_t i = 0; i < c->table->n; i++) {
        const struct config_option *o = &c->table->v[i];
        if (strcmp(section, o->section) != 0) {
            buf_printf(out, "%s[%s]\n", section[0] == '\0' ? "" : "\n", o->section);
            section = o->section;
        }
        const char *origin = c->state[i].origin;
        buf_printf(out, "; %s\n", origin != NULL ? origin : "default");
        buf_printf(out, "%s = ", o->name);
        if (o->type == OPT_LIST) {
            print_list(c, i, out);
        } else {
            value_text(c, i, out);
        }
        buf_char(out, '\n');
    }
}

static void json_value(const struct config *c, size_t i, struct buf *out)
{
    const struct config_option *o = &c->table->v[i];
    const void *p = (const uint8_t *)c->out + o->offset;
    if (o->type == OPT_LIST) {
        const struct config_list *list = p;
        buf_char(out, '[');
        for (size_t k = 0; k < list->n; k++) {
            buf_str(out, k > 0 ? "," : "");
            buf_json_str(out, text_of(list->v[k]));
        }
        buf_char(out, ']');
    } else if (o->type == OPT_BOOL || o->type == OPT_INT || o->type == OPT_FLOAT) {
        value_text(c, i, out);
    } else {
        struct buf text;
        buf_init(&text, CONFIG_TEXT_MAX + 1);
        value_text(c, i, &text);
        buf_json_str(out, text.p != NULL ? (struct text){text.p, text.n} : TEXT(""));
        out->failed |= text.failed;
        buf_finish(&text);
    }
}

void config_json(const struct config *c, struct buf *out)
{
    const char *section = "";
    buf_char(out, '{');
    for (size_t i = 0; i < c->table->n; i++) {
        const struct config_option *o = &c->table->v[i];
        bool begins = strcmp(section, o->section) != 0;
        if (begins) {
            buf_printf(out, "%s\"%s\":{", section[0] == '\0' ? "" : "},", o->section);
            section = o->section;
        }
        buf_printf(out, "%s\"%s\":", begins ? "" : ",", o->name);
        json_value(c, i, out);
    }
    buf_str(out, c->table->n > 0 ? "}}" : "}");
}

/* --- what the table itself says --- */

static const char *type_word(const struct config_option *o)
{
    switch (o->type) {
    case OPT_BOOL:
        return "";
    case OPT_INT:
    case OPT_FLOAT:
    case OPT_PX:
    case OPT_QTY:
    case OPT_USD:
        return " N";
    case OPT_TEXT:
        return " TEXT";
    case OPT_PATH:
        return " PATH";
    case OPT_ENUM:
        return " WORD";
    case OPT_LIST:
        return " A,B,...";
    }
    return "";
}

/* Text in lines of at most width characters, each begun with indent blanks. */
static void wrap(struct buf *out, const char *text, int indent, size_t width)
{
    size_t column = 0;
    for (const char *p = text; *p != '\0';) {
        size_t n = strcspn(p, " ");
        if (column > 0 && column + 1 + n > width) {
            buf_char(out, '\n');
            column = 0;
        }
        buf_printf(out, "%*s", column == 0 ? indent : 1, "");
        buf_add(out, p, n);
        column = (column == 0 ? (size_t)indent : column + 1) + n;
        p += n;
        p += strspn(p, " ");
    }
    buf_char(out, '\n');
}

static void help_option(const struct config_option *o, struct buf *out)
{
    char name[CONFIG_NAME_MAX];
    option_flag_name(o, name);
    if (o->alias != NULL) {
        buf_printf(out, "  --%s%s, --%s\n", o->alias, type_word(o), name);
    } else {
        buf_printf(out, "  --%s%s\n", name, type_word(o));
    }
    struct buf text;
    buf_init(&text, 4096);
    buf_printf(&text, "%s Allowed: ", o->help);
    value_allowed(o, &text);
    if (o->initial[0] != '\0') {
        buf_printf(&text, ". Default: %s", o->initial);
    }
    buf_char(&text, '.');
    wrap(out, text.p != NULL ? text.p : o->help, 6, 92);
    out->failed |= text.failed;
    buf_finish(&text);
}

void config_help(const struct option_table *table, struct buf *out)
{
    buf_str(out,
            "  --config PATH\n"
            "      INI file to read. Default: $XDG_CONFIG_HOME/deltaflow/deltaflow.ini, if there.\n"
            "  --print-config[=ini|markdown]\n"
            "      Print every option with its value and where it came from, and end.\n"
            "  -h, --help\n"
            "      Print this text, and end.\n");
    const char *section = "";
    for (size_t i = 0; i < table->n; i++) {
        if (strcmp(section, table->v[i].section) != 0) {
            section = table->v[i].section;
            buf_printf(out, "\n[%s]\n", section);
        }
        help_option(&table->v[i], out);
    }
    buf_str(out, "\n");
    wrap(out,
         "Each option is also a key of its [section] in the INI file and an environment variable "
         "DELTAFLOW_SECTION_NAME. A flag wins over the environment, that over the file. A switch "
         "(no value shown) also takes =true, =false and the form --no-NAME.",
         0, 92);
}

/* A '|' would end the table's cell. */
static void cell(struct buf *out, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '|') {
            buf_str(out, "\\|");
        } else {
            buf_char(out, *p);
        }
    }
}

static void markdown_row(const struct config_option *o, struct buf *out)
{
    struct buf allowed;
    buf_init(&allowed, 1024);
    value_allowed(o, &allowed);
    buf_printf(out, "| `%s` | ", o->name);
    if (o->initial[0] != '\0') {
        buf_printf(out, "`%s`", o->initial);
    }
    buf_str(out, " | ");
    cell(out, allowed.p != NULL ? allowed.p : "");
    out->failed |= allowed.failed;
    buf_str(out, " | ");
    if (o->alias != NULL) {
        buf_printf(out, "`--%s`", o->alias);
    }
    buf_str(out, " | ");
    cell(out, o->help);
    buf_str(out, " |\n");
    buf_finish(&allowed);
}

void config_markdown(const struct option_table *table, struct buf *out)
{
    buf_printf(out, "## deltaflow %s\n", table->command);
    const char *section = "";
    for (size_t i = 0; i < table->n; i++) {
        if (strcmp(section, table->v[i].section) != 0) {
            section = table->v[i].section;
            buf_printf(out,
                       "\n### [%s]\n\n| option | default | allowed | short flag | meaning |\n"
                       "|---|---|---|---|---|\n",
                       section);
        }
        markdown_row(&table->v[i], out);
    }
}
