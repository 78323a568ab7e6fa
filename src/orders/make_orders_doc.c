/* Prints docs/ORDERS.md. */
#include <stdio.h>

#include "base/bytes.h"
#include "orders/order_state.h"

int main(void)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    orders_document(&out);
    fwrite(out.p, 1, out.n, stdout);
    buf_finish(&out);
    return 0;
}
