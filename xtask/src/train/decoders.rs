//! Every decoder of a run: all arms, all seeds, and the bound trained on pairs.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, anyhow};
use c3_artifacts::atomic;
use c3_artifacts::coco_results::{CaptionResult, ImageId, write_results};
use c3_decoders::{
    CaptionSet, CaptionTokenizer, Captioner, Checkpoints, DecoderError, EpochLoss,
    PrefixDecoderConfig, PretrainedUse, Split, TrainingSession,
};
use c3_geometry::Embeddings;
use c3_transforms::Transform;
use rand_chacha::ChaCha8Rng;
use rayon::ThreadPoolBuilder;

use crate::pretrained::Pretrained;
use crate::recipe::DecoderSettings;
use crate::run::{PAIRED, Run};
use crate::space::{self, Space};
use crate::{caption, fit, memory, progress};

/// Neighbouring pictures that are held out together.
const BLOCK: usize = 20;

/// One decoder to train.
#[derive(Clone, Debug)]
struct Job {
    arm: String,
    seed: u64,
}

impl Job {
    fn label(&self) -> String {
        format!("{} seed {}", self.arm, self.seed)
    }
}

/// What all decoders of a run share.
struct Lessons<'a> {
    run: &'a Run,
    evaluate: Space,
    tokenizer: CaptionTokenizer,
    start: Start,
    text: Material,
    paired: Material,
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
struct Material {
    train: Arc<CaptionSet>,
    valid: Arc<CaptionSet>,
}

/// Trains every decoder that is not finished, and lets each caption the evaluated split.
pub(super) fn train(run: &Run) -> anyhow::Result<()> {
    let lessons = Lessons::prepare(run)?;
    let queue = Mutex::new(jobs(run));
    let lanes = lanes(run, queue.lock().map_or(1, |queue| queue.len()));
    lessons.check_memory(lanes)?;
    let outcomes: Vec<anyhow::Result<()>> = std::thread::scope(|scope| {
        let lane = || scope.spawn(|| lessons.work(&queue, lanes));
        let running: Vec<_> = (0..lanes).map(|_| lane()).collect();
        let ended = running.into_iter().map(|lane| lane.join());
        ended
            .map(|outcome| outcome.unwrap_or_else(|_| Err(anyhow!("a decoder panicked"))))
            .collect()
    });
    outcomes.into_iter().collect()
}

/// Decoders that are not finished, seed after seed.
fn jobs(run: &Run) -> VecDeque<Job> {
    let settings = &run.recipe.run;
    let mut arms: Vec<String> = settings
        .arms
        .iter()
        .map(|arm| arm.name().to_owned())
        .collect();
    arms.extend(settings.paired.then(|| PAIRED.to_owned()));
    let all = settings.seeds.iter().flat_map(|seed| {
        arms.iter().map(|arm| Job {
            arm: arm.clone(),
            seed: *seed,
        })
    });
    all.filter(|job| !run.captions(&job.arm, job.seed).exists())
        .collect()
}

/// How many decoders are trained side by side.
///
/// The small operations of a small decoder leave a second thread idle, so two decoders on a
/// thread each finish sooner than one after the other (measured in `docs/speed.md`).
fn lanes(run: &Run, jobs: usize) -> usize {
    if !run.device.is_processor() {
        return 1;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let asked = if run.recipe.run.jobs == 0 {
        cores
    } else {
        run.recipe.run.jobs
    };
    asked.min(jobs).max(1)
}

impl<'a> Lessons<'a> {
    fn prepare(run: &'a Run) -> anyhow::Result<Self> {
        let train = Space::read(run, "train")?;
        let evaluate = Space::read(run, run.evaluated())?;
        let extra = space::extra(run)?;
        let mut sentences: Vec<&str> = train.captions.iter().map(String::as_str).collect();
        if let Some(extra) = &extra {
            sentences.extend(extra.rows().texts().iter().map(String::as_str));
        }
        let settings = &run.recipe.decoder;
        let (tokenizer, weights) = tokens(settings, &sentences)?;
        atomic::write(
            &run.path().join("tokenizer.json"),
            tokenizer.to_json()?.as_bytes(),
        )?;
        let tokens: Vec<Vec<u32>> = sentences
            .iter()
            .map(|text| tokenizer.encode(text))
            .collect::<Result<_, _>>()?;

        let mut texts = train.texts.as_slice().to_vec();
        if let Some(extra) = &extra {
            texts.extend_from_slice(extra.embeddings().as_slice());
        }
        let texts = Embeddings::new(texts, train.texts.dim())?;
        let longest = tokens.iter().map(Vec::len).max().unwrap_or(1);
        let start = match weights {
            Some(weights) => Start::Pretrained {
                weights: Box::new(weights),
                how: settings.before_pretrained(texts.dim(), longest),
            },
            None => Start::Fresh(settings.sized(texts.dim(), tokenizer.n_vocab(), longest)),
        };

        let valid = held_out(train.images.len(), run.recipe.data.valid_pictures);
        let is_valid = |caption: &usize| {
            train
                .owners
                .get(*caption)
                .is_some_and(|owner| valid.contains(owner))
        };
        let (valid_rows, train_rows): (Vec<usize>, Vec<usize>) =
            (0..tokens.len()).partition(is_valid);
        let text = Material::new(&texts, &tokens, &train_rows, &valid_rows, |row| row)?;
        let own: Vec<usize> = train_rows
            .into_iter()
            .filter(|row| *row < train.owners.len())
            .collect();
        let paired = Material::new(&train.images, &tokens, &own, &valid_rows, |row| {
            train.owners[row]
        })?;
        Ok(Self {
            run,
            evaluate,
            tokenizer,
            start,
            text,
            paired,
        })
    }

    /// Refuses what the memory does not hold; how much a graphics card has, nobody says.
    fn check_memory(&self, lanes: usize) -> anyhow::Result<()> {
        if !self.run.device.is_processor() {
            return Ok(());
        }
        let sizes = match &self.start {
            Start::Fresh(config) => config.clone(),
            Start::Pretrained { weights, how } => weights.sizes(how)?,
        };
        memory::check(&self.run.recipe.training.footprint(&sizes)?, lanes)
    }

    /// Takes jobs until none is left, each on one thread if there are several lanes; a job that
    /// fails stops the other lanes too.
    fn work(&self, queue: &Mutex<VecDeque<Job>>, lanes: usize) -> anyhow::Result<()> {
        let threads = if lanes > 1 { 1 } else { 0 };
        let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
        while !self.run.interrupter.should_stop() {
            let job = queue
                .lock()
                .map_err(|_| anyhow!("another decoder panicked"))?
                .pop_front();
            let Some(job) = job else {
                return Ok(());
            };
            let outcome = pool.install(|| self.teach(&job, lanes == 1));
            outcome
                .inspect_err(|_| self.run.interrupter.stop(Some("a decoder failed")))
                .with_context(|| format!("decoder {}", job.label()))?;
        }
        Ok(())
    }

    /// Trains one decoder, writes its captions of the evaluated split and its model folder.
    fn teach(&self, job: &Job, alone: bool) -> anyhow::Result<()> {
        let run = self.run;
        let record = c3_artifacts::TransformRecord::read(&run.transform(&job.arm))?;
        let own = match job.arm.as_str() {
            PAIRED => fit::image_transform(&record)?,
            _ => fit::text_transform(&record)?,
        };
        let material = if job.arm == PAIRED {
            &self.paired
        } else {
            &self.text
        };
        let noisy = run.recipe.transform.noise_on_validation;
        let checkpoints = run
            .path()
            .join("checkpoints")
            .join(format!("{}-{}", job.arm, job.seed));
        let session = TrainingSession {
            device: run.device.device.clone(),
            seed: job.seed,
            renderer: progress::renderer(&job.label(), alone, &run.interrupter),
            interrupter: run.interrupter.clone(),
            checkpoints: Checkpoints::Resume(checkpoints.clone()),
        };
        let train = Split::new(material.train.clone(), training_view(own.clone()));
        let valid = Split::new(material.valid.clone(), validation_view(own, noisy));
        let training = &run.recipe.training;
        let outcome = match &self.start {
            Start::Fresh(config) => training.train(config, &train, &valid, session),
            Start::Pretrained { weights, how } => {
                let decoder = weights.decoder(how, job.seed, &run.device.device)?;
                training.fine_tune(decoder, &train, &valid, session)
            }
        };
        if run.interrupter.should_stop()
            && matches!(outcome, Ok(_) | Err(DecoderError::Interrupted))
        {
            return Ok(()); // not finished: its checkpoints wait for `--resume`
        }
        let trained = outcome?;
        let images = fit::image_transform(&record)?.test(&self.evaluate.images)?;
        let captioner = Captioner::new(trained.decoder, self.tokenizer.clone())?;
        let captions = captioner.caption(&images, &run.recipe.decoding)?;
        let best: Vec<String> = captions
            .into_iter()
            .map(|best| best[0].text.clone())
            .collect();
        caption::write_model(run, &job.arm, job.seed, &captioner, &record)?;
        write_curve(run, job, &trained.curve)?;
        write_captions(
            &run.captions(&job.arm, job.seed),
            &self.evaluate.names,
            best,
        )?;
        fs::remove_dir_all(&checkpoints)
            .with_context(|| format!("cannot remove `{}`", checkpoints.display()))
    }
}

/// The tokenizer of the decoders, and the weights that it came with.
fn tokens(
    settings: &DecoderSettings,
    sentences: &[&str],
) -> anyhow::Result<(CaptionTokenizer, Option<Pretrained>)> {
    match &settings.pretrained {
        Some(folder) => {
            let weights = Pretrained::open(folder, settings.stop)?;
            Ok((weights.tokenizer().clone(), Some(weights)))
        }
        None => {
            let tokenizer = settings.tokenizer.train(sentences)?;
            Ok((tokenizer.stopping_at(settings.stop)?, None))
        }
    }
}

impl Material {
    fn new(
        embeddings: &Embeddings,
        tokens: &[Vec<u32>],
        train: &[usize],
        valid: &[usize],
        row_of: impl Fn(usize) -> usize,
    ) -> anyhow::Result<Self> {
        let set = |captions: &[usize]| {
            let rows = captions.iter().map(|caption| row_of(*caption)).collect();
            let tokens = captions
                .iter()
                .map(|caption| tokens[*caption].clone())
                .collect();
            CaptionSet::new(embeddings.clone(), rows, tokens)
        };
        Ok(Self {
            train: Arc::new(set(train)?),
            valid: Arc::new(set(valid)?),
        })
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
fn training_view(transform: Transform) -> impl Fn(Embeddings, &mut ChaCha8Rng) -> Embeddings {
    move |clean, rng| {
        transform
            .train(&clean, rng)
            .expect("unit rows of the width that the means were fitted in")
    }
}

/// Collapse alone, or noise too (trap D6).
fn validation_view(
    transform: Transform,
    noisy: bool,
) -> impl Fn(Embeddings, &mut ChaCha8Rng) -> Embeddings {
    move |clean, rng| {
        let viewed = if noisy {
            transform.train(&clean, rng)
        } else {
            transform.test(&clean)
        };
        viewed.expect("unit rows of the width that the means were fitted in")
    }
}

fn write_captions(path: &Path, names: &[String], captions: Vec<String>) -> anyhow::Result<()> {
    let results: Vec<CaptionResult> = names
        .iter()
        .zip(captions)
        .map(|(name, caption)| CaptionResult {
            image_id: ImageId::from_name(name),
            caption,
        })
        .collect();
    Ok(write_results(path, &results)?)
}

fn write_curve(run: &Run, job: &Job, curve: &[EpochLoss]) -> anyhow::Result<()> {
    let path = run
        .path()
        .join("curves")
        .join(format!("{}-seed{}.json", job.arm, job.seed));
    Ok(atomic::write(&path, &serde_json::to_vec_pretty(curve)?)?)
}

/// Reads the losses of one decoder.
pub(super) fn read_curve(run: &Run, arm: &str, seed: u64) -> anyhow::Result<Vec<EpochLoss>> {
    let path = run
        .path()
        .join("curves")
        .join(format!("{arm}-seed{seed}.json"));
    let bytes = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("cannot read `{}`", path.display()))
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
