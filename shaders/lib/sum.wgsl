// Sums of many values, split into blocks: the rounding errors of a serial sum grow with its length, those of a sum of blocks
// with the length of a block and the number of blocks.

/** Values that a thread adds up before it adds their sum to its total. */
const SUM_BLOCK = 256u;

/** Values in a block of blocks, for sums of any length. */
const SUM_BLOCKS = 65536u;
