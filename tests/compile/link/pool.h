/* The pool that both files share. */
OBJPOOL_DEFINE(int_pool, int);
int use_pool(int_pool *pool);
