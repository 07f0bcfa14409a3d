//! Where the products of all pairs of columns lie: in squares, those below the diagonal left out.

/// Columns of a tile of the result: widths are padded to it.
pub(super) const TILE: usize = 16;
/// Columns and rows of a square of the result: what one task adds to while it is in the cache.
pub(super) const SQUARE: usize = 64;

/// How many values the products of so many columns take.
pub(super) fn products_len(padded: usize) -> usize {
    let side = padded.div_ceil(SQUARE);
    side * (side + 1) / 2 * SQUARE * SQUARE
}

/// Where the product of columns `i <= j` lies: squares row after row.
pub(super) fn place(padded: usize, i: usize, j: usize) -> usize {
    let side = padded.div_ceil(SQUARE);
    let (row, column) = (i / SQUARE, j / SQUARE);
    let before: usize = (0..row).map(|above| side - above).sum();
    (before + column - row) * SQUARE * SQUARE + i % SQUARE * SQUARE + j % SQUARE
}

/// The first row and column of every square.
pub(super) fn corners(padded: usize) -> impl Iterator<Item = (usize, usize)> {
    let firsts = move |from: usize| (from..padded).step_by(SQUARE);
    firsts(0).flat_map(move |row| firsts(row).map(move |column| (row, column)))
}
