//! `measure --probe`: which noise lets a straight line, learned from texts, read images.
//!
//! Ridge regression predicts the words of a caption from its corrupted embedding, and is then
//! shown images. It stands in for a captioner, at the cost of seconds.

use anyhow::{Context, ensure};
use c3_artifacts::survey::{ProbeRow, ProbeSurvey};
use c3_geometry::{Embeddings, Ridge, RidgeSums};
use c3_metrics::average_precisions;
use c3_metrics::bootstrap::Bootstrap;
use c3_transforms::{
    Arm, Collapse, Corrupt, Directions, NoiseShape, PAPER_SIGMA, Renorm, Transform,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::vocabulary::Vocabulary;
use crate::progress::Meter;
use crate::run::PAIRED;
use crate::space::Space;

/// Rows that noise is drawn for, over and over if there are fewer captions.
///
/// Unit length is restored *after* the noise, so its expectation has no closed form.
const NOISED_ROWS: usize = 20_000;
/// Draws for every caption, however many there are.
const FEWEST_DRAWS: usize = 2;
/// Penalties to choose from, in mean eigenvalues.
const PENALTIES: [f64; 7] = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0];
/// One item of so many is held out of the fit, to choose the penalty.
const HELD_OUT: usize = 10;

/// One row of the table to be.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    /// None for the bound that is fitted to images.
    arm: Option<Arm>,
    directions: Directions,
    sigma: Option<f64>,
}

/// Every arm at the verdict's noise and the paper's, and every choice of directions.
fn attempts(sigma: Option<f64>) -> Vec<Attempt> {
    let row = |arm, directions, sigma| Attempt {
        arm,
        directions,
        sigma,
    };
    let plain = [None, Some(Arm::C1), Some(Arm::C21)];
    let mut attempts: Vec<Attempt> = plain
        .into_iter()
        .map(|arm| row(arm, Directions::All, None))
        .collect();
    for arm in [Arm::C22, Arm::C3] {
        if let Some(sigma) = sigma {
            let shapes = Directions::EVERY.into_iter();
            attempts.extend(shapes.map(|shape| row(Some(arm), shape, Some(sigma))));
        }
        let paper = Some(f64::from(PAPER_SIGMA));
        attempts.push(row(Some(arm), Directions::All, paper));
    }
    attempts
}

/// Ranks corruptions by how well words are found in `test` images after `train` texts.
///
/// `sigma` is the verdict's; without it there is the paper's alone.
pub(super) fn probe(
    train: &Space,
    test: &Space,
    sigma: Option<f64>,
    seed: u64,
) -> anyhow::Result<ProbeSurvey> {
    let class = Class::prepare(train, test)?;
    let attempts = attempts(sigma);
    let mut meter = Meter::start("probing", attempts.len(), "corruptions");
    let mut rows = Vec::new();
    for attempt in attempts {
        rows.push(class.attempt(attempt, seed)?);
        meter.advance(1);
    }
    let value = |row: &ProbeRow| row.mean_average_precision[1];
    rows.sort_by(|a, b| value(b).total_cmp(&value(a)));
    Ok(ProbeSurvey {
        words: class.words,
        captions: class.learned.texts.len(),
        images: class.images.len(),
        rows,
    })
}

/// Captions with their embeddings and those of their images.
struct Lesson {
    images: Embeddings,
    texts: Embeddings,
    tags: Vec<Vec<usize>>,
}

impl Lesson {
    fn of(space: &Space, rows: &[usize], words: &Vocabulary) -> Self {
        let owners: Vec<usize> = rows.iter().map(|row| space.owners[*row]).collect();
        let captions: Vec<String> = rows.iter().map(|r| space.captions[*r].clone()).collect();
        Self {
            images: space.images.select(&owners),
            texts: space.texts.select(rows),
            tags: words.tags(&captions),
        }
    }
}

/// What all attempts share.
struct Class {
    words: usize,
    learned: Lesson,
    held_out: Lesson,
    /// Images to be tested on, and the words that people used of each.
    images: Embeddings,
    tags: Vec<Vec<usize>>,
    /// Of images and texts.
    means: [Collapse; 2],
}

impl Class {
    fn prepare(train: &Space, test: &Space) -> anyhow::Result<Self> {
        let words = Vocabulary::of(&train.captions, &train.owners);
        ensure!(
            words.len() > 1,
            "the captions have no words to tell items apart: a word counts if at least 5 items \
             have it and at most half of them"
        );
        let (held_out, learned): (Vec<usize>, Vec<usize>) =
            (0..train.texts.len()).partition(|row| train.owners[*row] % HELD_OUT == HELD_OUT - 1);
        ensure!(
            !held_out.is_empty() && learned.len() > 1,
            "a probe needs captions of at least {HELD_OUT} items, found {}",
            train.images.len()
        );
        let own: Vec<String> = test
            .references()
            .iter()
            .map(|own| own.join(" . "))
            .collect();
        let tags = words.tags(&own);
        let told: Vec<usize> = (0..tags.len()).filter(|at| !tags[*at].is_empty()).collect();
        ensure!(
            !told.is_empty(),
            "no image that is tested on has a word of the training captions"
        );
        let mean = |batch: &Embeddings| anyhow::Ok(Collapse::fit(&batch.to_unit_length()?)?);
        Ok(Self {
            words: words.len(),
            learned: Lesson::of(train, &learned, &words),
            held_out: Lesson::of(train, &held_out, &words),
            images: test.images.select(&told),
            tags: told.iter().map(|at| tags[*at].clone()).collect(),
            means: [mean(&train.images)?, mean(&train.texts)?],
        })
    }

    fn attempt(&self, attempt: Attempt, seed: u64) -> anyhow::Result<ProbeRow> {
        let corrupt = match attempt.sigma {
            Some(sigma) => Some(Corrupt::new(sigma as f32)?.shaped(self.shape(attempt)?)),
            None => None,
        };
        let collapses = attempt.arm.is_some_and(Arm::collapses);
        let [of_images, of_texts] = self.means.each_ref().map(|mean| Transform {
            collapse: collapses.then(|| mean.clone()),
            corrupt: corrupt.clone(),
            renorm: Renorm::AfterAll,
        });
        let (penalty, ridge) = match attempt.arm {
            Some(_) => self.fit(&of_texts, |lesson| &lesson.texts, seed)?,
            None => self.fit(&of_images, |lesson| &lesson.images, seed)?,
        };
        let scores = ridge.predict(&of_images.test(&self.images)?)?;
        let scores: Vec<Vec<f32>> = scores.outer_iter().map(|row| row.to_vec()).collect();
        let precisions = average_precisions(&scores, &self.tags)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let found = Bootstrap::default().intervals(&precisions[..], &mut rng)[0];
        Ok(ProbeRow {
            arm: attempt.arm.map_or(PAIRED, Arm::name).to_owned(),
            directions: attempt.sigma.map(|_| attempt.directions.name().to_owned()),
            sigma: attempt.sigma,
            penalty,
            mean_average_precision: [found.low, found.value, found.high],
        })
    }

    /// The shape of the noise, fitted to what is learned from; pairs where it asks for them.
    fn shape(&self, attempt: Attempt) -> anyhow::Result<NoiseShape> {
        let (x, y) = (&self.learned.images, &self.learned.texts);
        let shape = attempt
            .directions
            .fit(&x.to_unit_length()?, &y.to_unit_length()?);
        shape.with_context(|| format!("cannot draw noise `{}`", attempt.directions.name()))
    }

    /// The penalty that held-out rows of the same modality choose, and the lines it gives.
    fn fit(
        &self,
        own: &Transform,
        rows: fn(&Lesson) -> &Embeddings,
        seed: u64,
    ) -> anyhow::Result<(f64, Ridge)> {
        let learned = rows(&self.learned);
        let draws = match own.corrupt {
            Some(_) => NOISED_ROWS.div_ceil(learned.len()).max(FEWEST_DRAWS),
            None => 1,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut sums = RidgeSums::new(learned.dim(), self.words);
        for _ in 0..draws {
            sums.add(&own.train(learned, &mut rng)?, &self.learned.tags)?;
        }
        // Corrupted too: noise shortens what is left of a unit row, and with it the scores.
        let held_out = own.train(rows(&self.held_out), &mut rng)?;
        let mut best: Option<(f64, f64, Ridge)> = None;
        for (penalty, ridge) in PENALTIES.into_iter().zip(sums.fit(&PENALTIES)?) {
            let error = ridge.squared_error(&held_out, &self.held_out.tags)?;
            if best.as_ref().is_none_or(|(least, _, _)| error < *least) {
                best = Some((error, penalty, ridge));
            }
        }
        let (_, penalty, ridge) = best.context("no penalty gives a finite error")?;
        Ok((penalty, ridge))
    }
}
