//! The verdict on a space, in sentences.

use c3_artifacts::Survey;
use c3_artifacts::survey::{ProbeSurvey, SpreadSurvey, VerdictSurvey};
use c3_transforms::PAPER_SIGMA;

use crate::run::PAIRED;

/// What a survey says, the verdict first.
pub(crate) fn sentences(survey: &Survey) -> Vec<String> {
    let mut said = match &survey.verdict {
        Some(verdict) => judged(verdict, survey),
        None => unjudged(survey),
    };
    said.extend(survey.spread.as_ref().map(spread));
    said.extend(at_odds(survey));
    said.extend(survey.probe.as_ref().and_then(probed));
    if let Some(noise) = &survey.noise {
        let [_, high] = noise.isotropic;
        let relation = if noise.anisotropy > high {
            "not isotropic"
        } else {
            "isotropic as far as so many rows can tell"
        };
        let [found, most] = told_apart(noise.anisotropy, high);
        said.push(format!(
            "The alignment noise is {relation}: its widest direction has {found} times the mean \
             variance, where isotropic noise would have at most {most}."
        ));
        if let Some(tests) = &noise.projections {
            said.push(format!(
                "On {} of {} random directions it is not Gaussian.",
                tests.rejected, tests.tested
            ));
        }
    }
    said
}

/// Two numbers with one decimal, or with two where one would make them the same.
fn told_apart(a: f64, b: f64) -> [String; 2] {
    let rounded = |decimals: usize| [a, b].map(|value| format!("{value:.decimals$}"));
    let [one, other] = rounded(1);
    if one == other {
        rounded(2)
    } else {
        [one, other]
    }
}

fn judged(verdict: &VerdictSurvey, survey: &Survey) -> Vec<String> {
    let [low, cosine, high] = verdict.cosine;
    let nothing = verdict.shuffled[2];
    // Means of rows as they are may stand anywhere; the verdict is on directions.
    let gap = verdict.gap.or(survey.gap).unwrap_or_default();
    let no_gap = verdict.swapped[2];
    if verdict.outcome == "no_shared_signal" {
        return vec![
            "No shared signal: C3 will not help here.".to_owned(),
            format!(
                "With the means taken off, pairs have a cosine of {cosine:.3} (95 %: {low:.3} to \
                 {high:.3}), and shuffled pairs have up to {nothing:.3}. The gap is {gap:.3}."
            ),
        ];
    }
    let mut said = Vec::new();
    if verdict.outcome == "collapse_and_corrupt" {
        said.push(format!(
            "Collapse helps: a gap of {gap:.3} hides pairs with a cosine of {cosine:.3} \
             (95 %: {low:.3} to {high:.3})."
        ));
        said.push("Expected order of the arms: C1 < C2_1, C2_2 ≤ C3.".to_owned());
    } else {
        said.push(format!(
            "Collapse does not help: the gap, {gap:.3}, is no wider than chance makes it \
             (up to {no_gap:.3}). Corrupt does: pairs have a cosine of {cosine:.3} \
             (95 %: {low:.3} to {high:.3})."
        ));
        said.push("Expected order of the arms: C1 = C2_1 < C2_2 = C3.".to_owned());
    }
    said.push(match verdict.sigma {
        Some([low, sigma, high]) => format!(
            "Corrupt at sigma = {sigma:.4} (95 %: {low:.4} to {high:.4}), beside the paper's \
             {PAPER_SIGMA:.4}. Shuffled pairs have a cosine of up to {nothing:.3}."
        ),
        None => "No noise is strong enough to stand in for what pairs differ by.".to_owned(),
    });
    said
}

/// What several captions of an item say of the noise, with pairs or without.
fn spread(spread: &SpreadSurvey) -> String {
    let cosine = spread.cosine[1];
    let captions = format!(
        "Two captions of one of {} items have a cosine of {cosine:.3} with the mean taken off",
        spread.items
    );
    match spread.sigma {
        Some([low, sigma, high]) => format!(
            "{captions}: a lower bound for Corrupt of sigma = {sigma:.4} (95 %: {low:.4} to \
             {high:.4}), for an image differs from its caption by more than two captions do."
        ),
        None => format!("{captions}: so little that it bounds no noise."),
    }
}

/// What to think of captions that stand further apart than pairs do, which should not be.
fn at_odds(survey: &Survey) -> Option<String> {
    let [low, bound, _] = survey.spread.as_ref()?.sigma?;
    let [_, sigma, high] = survey.verdict.as_ref()?.sigma?;
    if bound <= sigma {
        return None;
    }
    Some(match low <= high {
        true => "That is above what the pairs say, but within the error of both.".to_owned(),
        false => "That contradicts the pairs: look whether captions and items were given to the \
                  right rows."
            .to_owned(),
    })
}

/// Which corruption a straight line learned the most behind.
fn probed(probe: &ProbeSurvey) -> Option<String> {
    let best = probe.rows.iter().find(|row| row.arm != PAIRED)?;
    let [low, found, high] = best.mean_average_precision;
    let noise = match (&best.directions, best.sigma) {
        (Some(directions), Some(sigma)) => format!(" with noise `{directions}` of {sigma:.4}"),
        _ => String::new(),
    };
    Some(format!(
        "Of {} corruptions, a straight line from texts to words reads images best behind \
         {}{noise}: mAP {:.1} % (95 %: {:.1} to {:.1}).",
        probe.rows.iter().filter(|row| row.arm != PAIRED).count(),
        best.arm,
        found * 100.0,
        low * 100.0,
        high * 100.0
    ))
}

fn unjudged(survey: &Survey) -> Vec<String> {
    let mut said = Vec::new();
    match survey.gap {
        Some(gap) => said.push(format!(
            "The means of the two modalities are {gap:.3} apart."
        )),
        None => said.push("One modality alone has no gap.".to_owned()),
    }
    if survey.paired {
        said.push("Moments say nothing of single pairs: no verdict, and no sigma.".to_owned());
    } else {
        said.push(
            "Without pairs the cosine of pairs is unknown, so there is no verdict and no sigma; \
             means, spectra and dimensions are as they would be with pairs."
                .to_owned(),
        );
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(outcome: &str, sigma: Option<[f64; 3]>) -> String {
        let survey = Survey {
            gap: Some(7.0), // of rows as they are
            verdict: Some(VerdictSurvey {
                outcome: outcome.to_owned(),
                cosine: [0.2, 0.25, 0.3],
                shuffled: [-0.01, 0.0, 0.01],
                swapped: [0.1, 0.2, 0.9],
                sigma,
                gap: Some(0.8),
            }),
            ..Survey::default()
        };
        sentences(&survey).join(" ")
    }

    #[test]
    fn each_outcome_has_its_sentence() {
        let sigma = Some([0.1, 0.125, 0.15]);
        let both = said("collapse_and_corrupt", sigma);
        assert!(
            both.starts_with("Collapse helps: a gap of 0.800 hides pairs"),
            "{both}"
        );
        assert!(
            both.contains("sigma = 0.1250 (95 %: 0.1000 to 0.1500)"),
            "{both}"
        );
        assert!(both.contains("the paper's 0.1265"), "{both}");
        assert!(said("corrupt_alone", sigma).starts_with("Collapse does not help"));
        let none = said("no_shared_signal", None);
        assert!(
            none.starts_with("No shared signal: C3 will not help here."),
            "{none}"
        );
    }

    #[test]
    fn numbers_that_differ_look_different() {
        assert_eq!(told_apart(71.608, 4.101), ["71.6", "4.1"]);
        assert_eq!(told_apart(2.137, 2.114), ["2.14", "2.11"]);
    }

    #[test]
    fn captions_further_apart_than_pairs_are_remarked_upon() {
        let said = |bound| {
            let survey = Survey {
                gap: Some(0.5),
                verdict: Some(VerdictSurvey {
                    outcome: "corrupt_alone".to_owned(),
                    sigma: Some([0.1, 0.2, 0.3]),
                    ..VerdictSurvey::default()
                }),
                spread: Some(SpreadSurvey {
                    items: 40,
                    cosine: [0.6, 0.7, 0.8],
                    sigma: Some(bound),
                }),
                ..Survey::default()
            };
            sentences(&survey).join(" ")
        };
        assert!(!said([0.05, 0.1, 0.4]).contains("the pairs say"));
        assert!(said([0.25, 0.4, 0.5]).contains("within the error of both"));
        assert!(said([0.35, 0.4, 0.5]).contains("contradicts the pairs"));
    }

    #[test]
    fn captions_of_one_item_bound_the_noise_without_a_pair() {
        let survey = Survey {
            gap: Some(0.5),
            spread: Some(SpreadSurvey {
                items: 40,
                cosine: [0.6, 0.7, 0.8],
                sigma: Some([0.03, 0.04, 0.05]),
            }),
            ..Survey::default()
        };
        let said = sentences(&survey).join(" ");
        assert!(said.contains("no verdict and no sigma"), "{said}");
        assert!(
            said.contains("lower bound for Corrupt of sigma = 0.0400 (95 %: 0.0300 to 0.0500)"),
            "{said}"
        );
    }

    #[test]
    fn without_pairs_nothing_is_judged() {
        let survey = Survey {
            gap: Some(0.5),
            ..Survey::default()
        };
        let said = sentences(&survey).join(" ");
        assert!(
            said.contains("0.500 apart") && said.contains("no verdict"),
            "{said}"
        );
    }
}
