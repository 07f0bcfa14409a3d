//! The embeddings of a run, as later steps use them.

use anyhow::bail;
use c3_artifacts::{EmbeddingSet, Rows};
use c3_geometry::Embeddings;

use crate::run::{Run, Side};

/// Both modalities of one split: row `i` of the texts belongs to row `owners[i]` of the images.
#[derive(Clone, Debug)]
pub(crate) struct Space {
    pub(crate) images: Embeddings,
    pub(crate) names: Vec<String>,
    pub(crate) texts: Embeddings,
    pub(crate) captions: Vec<String>,
    pub(crate) owners: Vec<usize>,
}

impl Space {
    /// Reads the embeddings of one split.
    pub(crate) fn read(run: &Run, split: &str) -> anyhow::Result<Self> {
        let images = run.read(&run.embeddings(split, Side::Images))?;
        let texts = run.read(&run.embeddings(split, Side::Texts))?;
        Self::of(images, texts)
    }

    /// Joins the embeddings of pictures with those of their captions.
    pub(crate) fn of(images: EmbeddingSet, texts: EmbeddingSet) -> anyhow::Result<Self> {
        texts.check_owners(images.embeddings().len())?;
        let ((images, names), (texts, rows)) = (images.into_parts(), texts.into_parts());
        let (
            Rows::Items { names },
            Rows::Captions {
                texts: captions,
                owners,
            },
        ) = (names, rows)
        else {
            bail!("the texts belong to no pictures");
        };
        Ok(Self {
            images,
            names,
            texts,
            captions,
            owners,
        })
    }

    /// The captions of each picture, in its order.
    pub(crate) fn references(&self) -> Vec<Vec<String>> {
        let mut references = vec![Vec::new(); self.images.len()];
        for (caption, owner) in self.captions.iter().zip(&self.owners) {
            references[*owner].push(caption.clone());
        }
        references
    }

    /// Captions of each picture, counted.
    pub(crate) fn caption_counts(&self) -> Vec<usize> {
        self.references().iter().map(Vec::len).collect()
    }

    /// The picture of every caption, row by row.
    pub(crate) fn owner_images(&self) -> Embeddings {
        self.images.select(&self.owners)
    }
}

/// The further sentences of a run, if it has any.
pub(crate) fn extra(run: &Run) -> anyhow::Result<Option<EmbeddingSet>> {
    let path = run.embeddings("extra", Side::Texts);
    if path.exists() {
        run.read(&path).map(Some)
    } else {
        Ok(None)
    }
}
