//! Held-out rows of both modalities, before Collapse and after.

use std::collections::HashSet;

use anyhow::Context;
use c3_artifacts::survey::ViewSurvey;
use c3_geometry::{
    Embeddings, hubness, mean_pair_cosine, mean_unpaired_cosine, modality_gap, recall,
    same_modality_share, separability,
};
use c3_transforms::Collapse;

use super::NEAREST;

/// Fewest rows that a cut between modalities can be fitted to and tested on.
const ROWS_OF_A_VIEW: usize = 4;

/// Even items fit the means, odd items are looked at; nothing if there are too few of either.
pub(super) fn views(
    x: &Embeddings,
    y: &Embeddings,
    items: Option<&[usize]>,
) -> anyhow::Result<Option<[ViewSurvey; 2]>> {
    let (x, y) = (x.to_unit_length()?, y.to_unit_length()?);
    let item = |row: usize| items.map_or(row, |items| items[row]);
    let fitted: Vec<usize> = (0..x.len()).filter(|row| item(*row) % 2 == 0).collect();
    // One row of each item: rows of one item would hide each other from retrieval.
    let mut seen = HashSet::new();
    let tested: Vec<usize> = (0..x.len())
        .filter(|row| item(*row) % 2 == 1 && seen.insert(item(*row)))
        .collect();
    if fitted.len() < ROWS_OF_A_VIEW || tested.len() < ROWS_OF_A_VIEW {
        return Ok(None);
    }
    let (test_x, test_y) = (x.select(&tested), y.select(&tested));
    let centred_x = Collapse::fit(&x.select(&fitted))?.apply(&test_x)?;
    let centred_y = Collapse::fit(&y.select(&fitted))?.apply(&test_y)?;
    let after = view(&centred_x, &centred_y)
        .context("nothing is left of a row without the mean; are all rows the same?")?;
    Ok(Some([view(&test_x, &test_y)?, after]))
}

fn view(x: &Embeddings, y: &Embeddings) -> anyhow::Result<ViewSurvey> {
    let own: Vec<usize> = (0..x.len()).collect();
    let found = recall(x, y, &own, &NEAREST)?;
    let near = 10.min(x.len() - 1);
    Ok(ViewSurvey {
        gap: modality_gap(x, y)?.distance,
        paired_cosine: mean_pair_cosine(x, y)?,
        unpaired_cosine: mean_unpaired_cosine(x, y)?,
        recall_forth: found.iter().map(|at| (at.k, at.owner_to_item)).collect(),
        recall_back: found.iter().map(|at| (at.k, at.item_to_owner)).collect(),
        same_modality: same_modality_share(x, y)?,
        separability: separability(x, y)?,
        hubness: hubness(x, y, near)?,
    })
}
