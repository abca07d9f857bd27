// Imports the module of items.cpp.
import items;

int main() {
  item *one = take();
  if (!one) return 1;
  one->n = 4;
  give(one);
  if (take() != one) return 2;
  give(one);
  if (guarded() != 5) return 3;
  if (with() != 6) return 4;
  if (by_template(1) != 7) return 5;
  if (out_of_line() != 0) return 6;
  if (extracted().n != 6) return 7;
  item *other = open_pool_acquire(&open_items);
  if (!other) return 8;
  open_pool_release(&open_items, other);
  return 0;
}
