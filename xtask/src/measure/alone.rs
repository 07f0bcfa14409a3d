//! Measuring files of embeddings that no run made, and the space of a run in the same way.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context, ensure};
use c3_artifacts::{MomentsRecord, Survey, atomic};
use c3_geometry::{Embeddings, GeometryError, Moments};
use c3_transforms::Collapse;

use super::bars;
use super::charts;
use super::drawing::Drawing;
use super::labels::Labels;
use super::page;
use super::pass::pass;
use super::pictures;
use super::probe;
use super::survey::{self, Drawn, Sample, Settings};
use super::vectors::{Layout, Mapped, Side};
use super::words;
use super::{Depth, Measure};
use crate::projection;
use crate::report::page::Projection;
use crate::report::scatter;
use crate::run::Run;
use crate::space::Space;
use crate::tables;

/// Fewest items that a verdict can be reached on: two to fit the means, two to look at.
const ITEMS_OF_A_VERDICT: usize = 4;

impl Measure {
    /// Everything that needs no run.
    pub(super) fn alone(&self) -> anyhow::Result<()> {
        if !self.merge.is_empty() {
            let (names, record) = merge(&self.merge)?;
            let mut survey = survey::of_moments(&[record.moments], self.seed)?;
            survey.sources = names;
            survey.unit_length = record.unit_length;
            return write(survey, &Drawn::default(), &self.out);
        }
        let layout = match self.first.is_empty() {
            true => Layout::find(&self.paths)?,
            false => Layout::Sides([self.first.clone(), self.second.clone()]),
        };
        let mapped = Mapped::open(layout, &self.columns)?;
        let sides = mapped.sides()?;
        self.check_rows(&sides)?;
        let pass = pass(&sides, self.settings())?;
        if let Some(path) = &self.moments {
            return self.keep(pass.moments, path);
        }
        let mut survey = survey::of_moments(&pass.moments, self.seed)?;
        survey.sources = mapped.names();
        survey.unit_length = !self.as_they_are;
        survey.lengths = Some(pass.lengths);
        let drawn = self.ask_rows(&mut survey, &mapped, &sides)?;
        write(survey, &drawn, &self.out)
    }

    /// What single rows say: of pairs, of several captions of an item, of words.
    fn ask_rows(
        &self,
        survey: &mut Survey,
        mapped: &Mapped,
        sides: &[Side<'_>],
    ) -> anyhow::Result<Drawn> {
        let n = sides.last().map_or(0, Side::n_rows);
        let mut labels = Labels::read(self.captions.as_deref(), self.items.as_deref(), n)?;
        if labels.items.is_none() {
            labels.items = mapped.items(n)?;
        }
        let rows = labels.sample(n, self.sample);
        let items = labels.items_of(&rows);
        let captions = match self.probe {
            true => Some(captions(&labels, mapped, survey, &rows)?),
            false => None,
        };
        let mut drawn = Drawn::default();
        if survey.paired {
            check_items(items.as_deref(), rows.len())?;
            let sides = sides.iter().map(|side| pick(side, &rows));
            let sides = sides.collect::<anyhow::Result<Vec<Embeddings>>>()?;
            let items = items.clone();
            let sample = Sample { sides, items };
            drawn = survey::of_pairs(survey, &sample, self.settings())?;
        }
        if let (Some(items), Some(side)) = (&items, sides.last()) {
            survey::of_items(survey, &pick(side, &rows)?, items, self.seed)?;
        }
        if let Some(captions) = captions {
            let items = items.unwrap_or_else(|| (0..rows.len()).collect());
            let [train, test] = halves(&drawn.sides, &captions, &items);
            ask_words(survey, &train, &test)?;
        }
        Ok(drawn)
    }

    /// Refuses what has too few rows for an answer, or not as many on both sides.
    fn check_rows(&self, sides: &[Side<'_>]) -> anyhow::Result<()> {
        let paired = match sides {
            [x, y] if !self.unpaired => Some((x, y)),
            _ => None,
        };
        if let Some((x, y)) = paired {
            let (left, right) = (x.n_rows(), y.n_rows());
            ensure!(
                left == right,
                "rows are not paired: {} has {left} and {} has {right}; if they need not be, say \
                 `--unpaired`",
                x.name(),
                y.name()
            );
        }
        let needed = match (&self.moments, paired) {
            (Some(_), _) => 1, // of a shard; the others may have more
            (None, Some(_)) => ITEMS_OF_A_VERDICT,
            (None, None) => 2,
        };
        for side in sides {
            let found = side.n_rows();
            let rows = if found == 1 { "row" } else { "rows" };
            ensure!(
                found >= needed,
                "{} has {found} {rows}; at least {needed} are needed",
                side.name()
            );
        }
        Ok(())
    }

    fn settings(&self) -> Settings {
        Settings {
            seed: self.seed,
            group: self.group,
            as_they_are: self.as_they_are,
            unpaired: self.unpaired,
            portable: self.portable,
        }
    }

    fn keep(&self, mut moments: Vec<Moments>, path: &Path) -> anyhow::Result<()> {
        ensure!(
            moments.len() == 1,
            "two unpaired modalities have moments of their own; sum them up one at a time"
        );
        let record = MomentsRecord {
            moments: moments.remove(0),
            unit_length: !self.as_they_are,
        };
        record.write(path)?;
        println!("{} rows in `{}`", record.moments.rows(), path.display());
        Ok(())
    }
}

/// Measures one split of a run as if its files had been named: `survey.json`, `geometry.html`.
pub(super) fn of_run(run: &Run, split: &str, depth: Depth) -> anyhow::Result<()> {
    let space = Space::read(run, split)?;
    let settings = Settings {
        seed: 1,
        group: None,
        as_they_are: false,
        unpaired: false,
        portable: false,
    };
    let sides = vec![space.owner_images(), space.texts.clone()];
    if sides[0].len() < 4 || space.images.len() < 4 {
        return Ok(()); // too few for any question about pairs
    }
    let units = [sides[0].to_unit_length()?, sides[1].to_unit_length()?];
    let mut moments = Moments::paired(units[0].dim());
    moments.add_pairs(&units[0], &units[1])?;
    let mut survey = survey::of_moments(&[moments], settings.seed)?;
    survey.sources = vec![
        format!("images of `{split}`"),
        format!("texts of `{split}`"),
    ];
    survey.unit_length = true;
    let items = Some(space.owners.clone());
    let drawn = survey::of_pairs(&mut survey, &Sample { sides, items }, settings)?;
    survey::of_items(&mut survey, &space.texts, &space.owners, settings.seed)?;
    if depth == Depth::Probe {
        ask_words(&mut survey, &Space::read(run, "train")?, &space)?;
    }
    survey.sentences = words::sentences(&survey);
    survey.write(&run.path().join("survey.json"))?;
    pages(&survey, &drawn, run.path())
}

/// Learns words from one half and finds them in the images of the other.
fn ask_words(survey: &mut Survey, train: &Space, test: &Space) -> anyhow::Result<()> {
    let sigma = survey.verdict.as_ref().and_then(|verdict| verdict.sigma);
    let found = probe::probe(train, test, sigma.map(|[_, sigma, _]| sigma), survey.seed)?;
    println!("{}", tables::probe(&found));
    survey.probe = Some(found);
    Ok(())
}

/// Pairs of even items, and of odd ones.
fn halves(sides: &[Embeddings], captions: &[String], items: &[usize]) -> [Space; 2] {
    [0, 1].map(|half| {
        let rows: Vec<usize> = (0..items.len())
            .filter(|row| items[*row] % 2 == half)
            .collect();
        let mut firsts: Vec<usize> = Vec::new();
        let mut places = HashMap::new();
        let owners = rows.iter().map(|row| {
            *places.entry(items[*row]).or_insert_with(|| {
                firsts.push(*row);
                firsts.len() - 1
            })
        });
        let owners = owners.collect();
        Space {
            images: sides[0].select(&firsts),
            names: firsts.iter().map(usize::to_string).collect(),
            texts: sides[1].select(&rows),
            captions: rows.iter().map(|row| captions[*row].clone()).collect(),
            owners,
        }
    })
}

/// The moments of all files together.
fn merge(paths: &[std::path::PathBuf]) -> anyhow::Result<(Vec<String>, MomentsRecord)> {
    let names = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let read = |path: &Path| {
        let read = MomentsRecord::read(path);
        read.context("`--merge` takes files that `--moments` wrote")
    };
    let mut merged = read(&paths[0])?;
    for path in &paths[1..] {
        let other = read(path)?;
        ensure!(
            other.unit_length == merged.unit_length,
            "`{}` and `{}` differ in whether rows were brought to unit length",
            paths[0].display(),
            path.display()
        );
        merged
            .moments
            .merge(&other.moments)
            .with_context(|| format!("cannot merge `{}`", path.display()))?;
    }
    Ok((names, merged))
}

/// The caption of each of some rows: from the file that was named, or from what lies beside them.
fn captions(
    labels: &Labels,
    mapped: &Mapped,
    survey: &Survey,
    rows: &[usize],
) -> anyhow::Result<Vec<String>> {
    ensure!(
        survey.paired,
        "a probe is tested on pairs, and these rows are none"
    );
    if let Some(captions) = &labels.captions {
        return Ok(rows.iter().map(|row| captions[*row].clone()).collect());
    }
    mapped.captions(rows)?.context(
        "a probe learns words: give `--captions FILE`, one caption for each row, or a folder of \
         clip-retrieval that has them in `metadata`",
    )
}

fn check_items(items: Option<&[usize]>, rows: usize) -> anyhow::Result<()> {
    let found = items.map_or(rows, |items| items.iter().collect::<HashSet<_>>().len());
    ensure!(
        found >= ITEMS_OF_A_VERDICT,
        "a verdict needs pairs of at least {ITEMS_OF_A_VERDICT} items, found {found}"
    );
    Ok(())
}

/// Some rows of a modality, all of which have a direction.
fn pick(side: &Side<'_>, rows: &[usize]) -> anyhow::Result<Embeddings> {
    let picked = if rows.len() == side.n_rows() {
        side.read(0..rows.len())?
    } else {
        let mut values = Vec::with_capacity(rows.len() * side.dim());
        for row in rows {
            values.extend_from_slice(side.read(*row..row + 1)?.as_slice());
        }
        Embeddings::new(values, side.dim())?
    };
    let zero = picked.lengths().iter().position(|length| *length == 0.0);
    if let Some(at) = zero {
        return Err(side.place(GeometryError::ZeroRow { row: rows[at] }, 0));
    }
    ensure!(
        picked.rows().any(|row| row != picked.row(0)),
        "cannot measure {}: all rows are the same",
        side.name()
    );
    Ok(picked)
}

fn write(mut survey: Survey, drawn: &Drawn, out: &Path) -> anyhow::Result<()> {
    survey.sentences = words::sentences(&survey);
    std::fs::create_dir_all(out)
        .with_context(|| format!("cannot make folder `{}`", out.display()))?;
    survey.write(&out.join("geometry.json"))?;
    pages(&survey, drawn, out)?;
    for sentence in &survey.sentences {
        println!("{sentence}");
    }
    println!("report: {}", out.join("geometry.html").display());
    Ok(())
}

fn pages(survey: &Survey, drawn: &Drawn, out: &Path) -> anyhow::Result<()> {
    let charts = pictures::charts(survey, drawn)?;
    let mut drawings: Vec<Drawing> = charts.iter().map(charts::draw).collect();
    let projection = project(drawn)?;
    let page = page::render(survey, &drawings, projection.as_ref());
    atomic::write(&out.join("geometry.html"), page.as_bytes())?;
    let folder = out.join("pictures");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make folder `{}`", folder.display()))?;
    // The page has these two in places of their own.
    drawings.extend(survey.probe.as_ref().map(bars::probe));
    drawings.extend(projection.iter().flat_map(clouds));
    drawings
        .iter()
        .try_for_each(|drawing| drawing.write(&folder))
}

/// Both modalities before Collapse and after, as pictures of their own.
fn clouds(projection: &Projection) -> [Drawing; 2] {
    let [before, after] = scatter::both(projection);
    let drawing = |name: &str, svg| Drawing {
        name: format!("{name}-collapse"),
        heading: format!("Both modalities {name} Collapse"),
        legend: [("images", 0), ("texts", 1)]
            .map(|(class, side)| (class, projection.names[side].to_owned()))
            .to_vec(),
        svg,
        size: scatter::SIZE,
    };
    [drawing("before", before), drawing("after", after)]
}

fn project(drawn: &Drawn) -> anyhow::Result<Option<Projection>> {
    let [x, y] = &drawn.sides[..] else {
        return Ok(None);
    };
    let (x, y) = (x.to_unit_length()?, y.to_unit_length()?);
    let centred = [Collapse::fit(&x)?.apply(&x)?, Collapse::fit(&y)?.apply(&y)?];
    let names = ["first modality", "second modality"];
    let drawn = projection::project(&x, &y, [&centred[0], &centred[1]], names)?;
    Ok(Some(drawn))
}
