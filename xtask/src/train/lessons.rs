//! What all decoders of a run share: captions with their embeddings, tokens and first weights.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use c3_artifacts::coco_results::{CaptionResult, ImageId};
use c3_artifacts::{EmbeddingSet, atomic};
use c3_decoders::{
    CaptionSet, CaptionTokenizer, Captioner, Checkpoints, DecoderError, EpochLoss, PrefixDecoder,
    PrefixDecoderConfig, PretrainedUse, Split, TrainingConfig, TrainingSession,
};
use c3_geometry::Embeddings;
use c3_transforms::Transform;
use rand_chacha::ChaCha8Rng;

use super::lanes;
use crate::pretrained::Pretrained;
use crate::progress::{self, Company};
use crate::recipe::{DecoderSettings, Validation};
use crate::run::Run;
use crate::space::{self, Space};
use crate::{fetch, memory};

/// Neighbouring pictures that are held out together.
const BLOCK: usize = 20;

/// Everything that decoders learn from and are measured on.
pub(super) struct Lessons<'a> {
    run: &'a Run,
    evaluate: Space,
    pub(super) tokenizer: CaptionTokenizer,
    start: Start,
    /// Captions that are seen as their own embeddings.
    pub(super) text: Material,
    /// Captions that are seen as the embeddings of their pictures.
    pub(super) pairs: Material,
    /// The picture of every caption of `pairs`, which are the first captions of `text` too.
    pub(super) owners: Vec<usize>,
}

/// What a decoder is before its first step.
enum Start {
    /// Fresh weights of these sizes.
    Fresh(PrefixDecoderConfig),
    /// Those of a decoder that somebody trained before.
    Pretrained {
        weights: Box<Pretrained>,
        how: PretrainedUse,
    },
}

/// Captions with their embeddings, those to learn from and those to validate with.
#[derive(Clone)]
pub(super) struct Material {
    pub(super) train: Arc<CaptionSet>,
    pub(super) valid: Arc<CaptionSet>,
}

/// One training.
pub(super) struct Assignment<'t> {
    pub(super) label: String,
    pub(super) seed: u64,
    pub(super) checkpoints: PathBuf,
    pub(super) training: &'t TrainingConfig,
    pub(super) decoder: PrefixDecoder,
    pub(super) train: Split,
    pub(super) valid: Split,
    /// What the trained decoder reads of a picture.
    pub(super) pictures: Transform,
}

/// What came of a training.
pub(super) struct Finished {
    pub(super) decoder: PrefixDecoder,
    pub(super) curve: Vec<EpochLoss>,
    /// A caption of every picture of the evaluated split.
    pub(super) captions: Vec<CaptionResult>,
    /// No longer needed once all this is written down.
    checkpoints: PathBuf,
}

impl Finished {
    /// Throws the checkpoints away.
    pub(super) fn clear(self) -> anyhow::Result<()> {
        fs::remove_dir_all(&self.checkpoints)
            .with_context(|| format!("cannot remove `{}`", self.checkpoints.display()))
    }
}

impl<'a> Lessons<'a> {
    /// Reads the space of a run, and fits or opens the tokens of its decoders.
    pub(super) fn prepare(run: &'a Run) -> anyhow::Result<Self> {
        let train = Space::read(run, "train")?;
        let dev = match run.recipe.data.validation {
            Validation::HeldOut => None,
            Validation::Dev => Some(Space::read(run, "dev")?),
        };
        let extra = space::extra(run)?;
        let sentences = extra.as_ref().map_or(&[][..], |extra| extra.rows().texts());
        let sentences: Vec<&str> = words(&train.captions).chain(words(sentences)).collect();
        let settings = &run.recipe.decoder;
        let (tokenizer, weights) = tokens(settings, &sentences)?;
        atomic::write(
            &run.path().join("tokenizer.json"),
            tokenizer.to_json()?.as_bytes(),
        )?;
        let cut = |text| Ok(tokenizer.encode(text)?);
        let tokens = sentences.into_iter().map(cut);
        let tokens = tokens.collect::<anyhow::Result<Vec<_>>>()?;
        let of_dev = words(dev.as_ref().map_or(&[][..], |dev| &dev.captions)).map(cut);
        let of_dev = of_dev.collect::<anyhow::Result<Vec<_>>>()?;

        let lengths = tokens.iter().chain(&of_dev).map(Vec::len);
        let (longest, d_embed) = (lengths.max().unwrap_or(1), train.texts.dim());
        let start = match weights {
            Some(weights) => Start::Pretrained {
                weights: Box::new(weights),
                how: settings.before_pretrained(d_embed, longest),
            },
            None => Start::Fresh(settings.sized(d_embed, tokenizer.n_vocab(), longest)),
        };
        let rows = Rows::part(&train, tokens.len(), &dev, run.recipe.data.valid_pictures);
        let (text, pairs) = rows.materials(train, extra, dev.map(|dev| (dev, of_dev)), &tokens)?;
        Ok(Self {
            run,
            evaluate: Space::read(run, run.evaluated())?,
            tokenizer,
            start,
            text,
            pairs,
            owners: rows.owners,
        })
    }

    /// Refuses what the memory does not hold; how much a graphics card has, nobody says.
    pub(super) fn check_memory(
        &self,
        training: &TrainingConfig,
        jobs: usize,
    ) -> anyhow::Result<()> {
        let run = self.run;
        if !run.device.is_processor() {
            return Ok(());
        }
        let sizes = match &self.start {
            Start::Fresh(config) => config.clone(),
            Start::Pretrained { weights, how } => weights.sizes(how)?,
        };
        let lanes = lanes::side_by_side(&run.recipe, &run.device, jobs);
        memory::check(&training.footprint(&sizes)?, lanes)
    }

    /// A decoder as the recipe begins it.
    pub(super) fn beginner(&self, seed: u64) -> anyhow::Result<PrefixDecoder> {
        let device = &self.run.device.device;
        match &self.start {
            Start::Fresh(config) => Ok(config.init(seed, device)?),
            Start::Pretrained { weights, how } => weights.decoder(how, seed, device),
        }
    }

    /// Trains a decoder and lets it caption the evaluated split; nothing if it was interrupted,
    /// for then its checkpoints wait for `--resume`.
    pub(super) fn teach(
        &self,
        assignment: Assignment<'_>,
        company: Company,
    ) -> anyhow::Result<Option<Finished>> {
        let run = self.run;
        let Assignment {
            label,
            seed,
            checkpoints,
            ..
        } = assignment;
        let session = TrainingSession {
            device: run.device.device.clone(),
            seed,
            renderer: progress::renderer(&label, company, &run.interrupter),
            interrupter: run.interrupter.clone(),
            checkpoints: Checkpoints::Resume(checkpoints.clone()),
        };
        let (decoder, training) = (assignment.decoder, assignment.training);
        let outcome = training.fine_tune(decoder, &assignment.train, &assignment.valid, session);
        let is_broken_off = matches!(outcome, Ok(_) | Err(DecoderError::Interrupted));
        if run.interrupter.should_stop() && is_broken_off {
            return Ok(None);
        }
        let trained = outcome?;
        let images = assignment.pictures.test(&self.evaluate.images)?;
        let captioner = Captioner::new(trained.decoder.clone(), self.tokenizer.clone())?;
        let captions = captioner.caption(&images, &run.recipe.decoding)?;
        let names = self.evaluate.names.iter();
        let captions = names.zip(captions).map(|(name, best)| CaptionResult {
            image_id: ImageId::from_name(name),
            caption: best[0].text.clone(),
        });
        Ok(Some(Finished {
            captions: captions.collect(),
            decoder: trained.decoder,
            curve: trained.curve,
            checkpoints,
        }))
    }
}

/// The tokenizer of the decoders, and the weights that it came with.
fn tokens(
    settings: &DecoderSettings,
    sentences: &[&str],
) -> anyhow::Result<(CaptionTokenizer, Option<Pretrained>)> {
    match &settings.pretrained {
        Some(name) => {
            let weights = Pretrained::open(&fetch::decoder(name)?, settings.stop)?;
            Ok((weights.tokenizer().clone(), Some(weights)))
        }
        None => {
            let tokenizer = settings.tokenizer.train(sentences)?;
            Ok((tokenizer.stopping_at(settings.stop)?, None))
        }
    }
}

fn words(texts: &[String]) -> impl Iterator<Item = &str> {
    texts.iter().map(String::as_str)
}

/// Which captions are learned from, and which are held out.
struct Rows {
    /// Captions and further sentences to learn from.
    train: Vec<usize>,
    /// Captions of pictures that are held out; none where another split validates.
    valid: Vec<usize>,
    /// The picture of each caption that is learned from.
    owners: Vec<usize>,
    /// The picture of each caption that is held out.
    valid_owners: Vec<usize>,
}

impl Rows {
    fn part(train: &Space, all: usize, dev: &Option<Space>, wanted: usize) -> Self {
        let held_out = match dev {
            None => held_out(train.images.len(), wanted),
            Some(_) => BTreeSet::new(),
        };
        let owner = |row: &usize| train.owners.get(*row).copied();
        let is_valid = |row: &usize| owner(row).is_some_and(|owner| held_out.contains(&owner));
        let (valid, train): (Vec<usize>, Vec<usize>) = (0..all).partition(is_valid);
        Self {
            owners: train.iter().filter_map(owner).collect(),
            valid_owners: valid.iter().filter_map(owner).collect(),
            train,
            valid,
        }
    }

    /// The captions beside their own embeddings, and beside those of their pictures.
    fn materials(
        &self,
        train: Space,
        extra: Option<EmbeddingSet>,
        dev: Option<(Space, Vec<Vec<u32>>)>,
        tokens: &[Vec<u32>],
    ) -> anyhow::Result<(Material, Material)> {
        let of = |rows: &[usize]| -> Vec<Vec<u32>> {
            rows.iter().map(|row| tokens[*row].clone()).collect()
        };
        let (valid_text, valid_pairs) = match dev {
            Some((dev, tokens)) => (
                CaptionSet::one_to_one(dev.texts, tokens.clone())?,
                CaptionSet::new(dev.images, dev.owners, tokens)?,
            ),
            None => (
                CaptionSet::one_to_one(train.texts.select(&self.valid), of(&self.valid))?,
                CaptionSet::new(
                    train.images.clone(),
                    self.valid_owners.clone(),
                    of(&self.valid),
                )?,
            ),
        };
        let own = &self.train[..self.owners.len()]; // further sentences come last
        let pairs = CaptionSet::new(train.images, self.owners.clone(), of(own))?;
        let texts = match extra {
            None => train.texts,
            Some(extra) => joined(&train.texts, extra.embeddings())?,
        };
        let text = CaptionSet::new(texts, self.train.clone(), of(&self.train))?;
        Ok((
            Material::new(text, valid_text),
            Material::new(pairs, valid_pairs),
        ))
    }
}

/// The rows of one batch, then those of another.
fn joined(first: &Embeddings, second: &Embeddings) -> anyhow::Result<Embeddings> {
    ensure!(
        first.dim() == second.dim(),
        "captions have {} numbers and the sentences of `text.extra` {}: both have to come from the \
         encoder in `encode.text`",
        first.dim(),
        second.dim()
    );
    let values = [first.as_slice(), second.as_slice()].concat();
    Ok(Embeddings::new(values, first.dim())?)
}

impl Material {
    fn new(train: CaptionSet, valid: CaptionSet) -> Self {
        Self {
            train: Arc::new(train),
            valid: Arc::new(valid),
        }
    }
}

/// Pictures whose captions are for validation alone: blocks of neighbours at even distances, since
/// in a data set that lists variants side by side a single picture would have its twins in training.
fn held_out(pictures: usize, wanted: usize) -> BTreeSet<usize> {
    let blocks = wanted.div_ceil(BLOCK).max(1);
    let starts = (0..blocks).map(|block| block * pictures / blocks);
    let all = starts.flat_map(|start| start..(start + wanted.div_ceil(blocks)).min(pictures));
    all.take(wanted).collect()
}

/// Collapse, and fresh noise at every visit.
pub(super) fn noisy_view(
    transform: Transform,
) -> impl Fn(Embeddings, &mut ChaCha8Rng) -> Embeddings {
    move |clean, rng| {
        transform
            .train(&clean, rng)
            .expect("unit rows of the width that the means were fitted in")
    }
}

/// Collapse alone.
pub(super) fn clean_view(
    transform: Transform,
) -> impl Fn(Embeddings, &mut ChaCha8Rng) -> Embeddings {
    move |clean, _| {
        transform
            .test(&clean)
            .expect("unit rows of the width that the means were fitted in")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_held_out_together() {
        let rows = held_out(1000, 40);
        assert_eq!(rows.len(), 40);
        assert!(rows.contains(&19) && rows.contains(&500) && !rows.contains(&20));
        assert_eq!(held_out(4, 1), BTreeSet::from([0]));
    }
}
