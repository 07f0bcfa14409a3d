//! Trainings side by side: as many lanes as the processor has cores, one lane elsewhere.

use std::collections::VecDeque;
use std::sync::Mutex;

use anyhow::{Context, anyhow};
use rayon::ThreadPoolBuilder;

use crate::device::Chosen;
use crate::progress::Company;
use crate::recipe::Recipe;
use crate::run::Run;

/// Something to train, by the name that its progress is shown under.
pub(super) trait Job: Send + Sync {
    /// As in `C3 seed 1`.
    fn label(&self) -> String;
}

/// Does every job, each on one thread if there are several lanes; a job that fails stops the
/// other lanes too.
pub(super) fn work<J: Job>(
    run: &Run,
    jobs: Vec<J>,
    teach: impl Fn(&J, Company) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let lanes = side_by_side(&run.recipe, &run.device, jobs.len());
    let queue = Mutex::new(VecDeque::from(jobs));
    let lane = || -> anyhow::Result<()> {
        let threads = if lanes > 1 { 1 } else { 0 };
        let company = if lanes > 1 {
            Company::Others
        } else {
            Company::Alone
        };
        let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
        while !run.interrupter.should_stop() {
            let next = queue.lock().map(|mut queue| queue.pop_front());
            let Some(job) = next.map_err(|_| anyhow!("another decoder panicked"))? else {
                return Ok(());
            };
            let outcome = pool.install(|| teach(&job, company));
            outcome
                .inspect_err(|_| run.interrupter.stop(Some("a decoder failed")))
                .with_context(|| format!("decoder {}", job.label()))?;
        }
        Ok(())
    };
    let outcomes: Vec<anyhow::Result<()>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..lanes).map(|_| scope.spawn(lane)).collect();
        let ended = running.into_iter().map(|lane| lane.join());
        ended
            .map(|outcome| outcome.unwrap_or_else(|_| Err(anyhow!("a decoder panicked"))))
            .collect()
    });
    outcomes.into_iter().collect::<anyhow::Result<()>>()?;
    run.go_on()
}

/// How many decoders are trained side by side.
///
/// The small operations of a small decoder leave a second thread idle, so two decoders on a
/// thread each finish sooner than one after the other (measured in `docs/speed.md`).
pub(crate) fn side_by_side(recipe: &Recipe, device: &Chosen, jobs: usize) -> usize {
    if !device.is_processor() {
        return 1;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let asked = if recipe.run.jobs == 0 {
        cores
    } else {
        recipe.run.jobs
    };
    asked.min(jobs).max(1)
}
