// Blocks only: the frame around them is parsed in Swift, where every length is checked.
#include <lz4.h>
