//! What has been read: keys and values, and which of them are whose.

/// Keys and values of all tokens read, and for each row which of them it has read.
///
/// Hypotheses that share a beginning share its keys and values: going on from some rows moves
/// numbers of places, and no keys.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The places of the tokens of each row, in their order.
    rows: Vec<Vec<usize>>,
    /// One for each block of the body.
    blocks: Vec<KeyValues>,
    n_places: usize,
}

/// Keys and values of one block by place, `[n_places, d_shared]` each.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyValues {
    pub(super) keys: Vec<f32>,
    pub(super) values: Vec<f32>,
}

impl Seen {
    /// Rows that have read nothing.
    pub(super) fn nothing(n_rows: usize, n_blocks: usize) -> Self {
        Self {
            rows: vec![Vec::new(); n_rows],
            blocks: vec![KeyValues::default(); n_blocks],
            n_places: 0,
        }
    }

    pub(super) fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// Tokens that every row has read.
    pub(super) fn n_read(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    /// The places of the tokens of each row, and the keys and values of each block.
    pub(super) fn parts(&mut self) -> (&[Vec<usize>], &mut [KeyValues]) {
        (&self.rows, &mut self.blocks)
    }

    /// Goes on from some of the rows.
    pub(super) fn choose(&mut self, parents: &[usize]) {
        let rows = parents.iter().map(|parent| self.rows[*parent].clone());
        self.rows = rows.collect();
    }

    /// Gives each row places for so many more tokens, whose keys and values every block then
    /// adds, row after row.
    pub(super) fn grow(&mut self, n_tokens: usize) {
        for row in &mut self.rows {
            row.extend(self.n_places..self.n_places + n_tokens);
            self.n_places += n_tokens;
        }
    }
}
