//! The page: what it shows, in which order.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use c3_artifacts::Results;

use super::{bars, curves, examples, figures, scatter, shares, verdict};

/// The look of every page.
pub(crate) const STYLE: &str = include_str!("style.css");

/// Nothing is loaded and nothing runs, whatever a caption says.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/// What the page shows.
pub(crate) struct Report<'a> {
    /// Recipe and time.
    pub(crate) title: String,
    /// What was run where: device, seeds, revision, versions.
    pub(crate) summary: Vec<(String, String)>,
    pub(crate) results: &'a Results,
    /// A quantity, before and after Collapse; in hundredths if its name ends in `%`.
    pub(crate) geometry: Vec<(String, f64, f64)>,
    pub(crate) projection: Option<Projection>,
    pub(crate) examples: Vec<Example>,
    /// The resolved recipe, as TOML.
    pub(crate) recipe: String,
    /// Captions a picture of the reader's own.
    pub(crate) command: String,
}

/// Both modalities seen along two directions, the same before and after.
pub(crate) struct Projection {
    /// Names of the modalities, as in "images" and "texts".
    pub(crate) names: [&'static str; 2],
    /// Names of the directions.
    pub(crate) axes: [String; 2],
    pub(crate) before: Cloud,
    pub(crate) after: Cloud,
}

/// Points of both modalities, in the unit of the embeddings.
pub(crate) struct Cloud {
    pub(crate) images: Vec<[f32; 2]>,
    pub(crate) texts: Vec<[f32; 2]>,
}

/// A picture, what people say of it, and what each decoder says.
pub(crate) struct Example {
    pub(crate) name: String,
    /// Absent where only its embedding is known.
    pub(crate) picture: Option<Picture>,
    pub(crate) references: Vec<String>,
    /// Arms with their captions.
    pub(crate) captions: Vec<(String, String)>,
}

/// An encoded picture.
pub(crate) struct Picture {
    /// As in `image/png`.
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

impl Picture {
    /// Tells photos from the rest by their first bytes.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let is_jpeg = bytes.starts_with(&[0xFF, 0xD8]);
        let media_type = if is_jpeg { "image/jpeg" } else { "image/png" };
        Self { media_type, bytes }
    }
}

/// The whole page as HTML that needs no other file.
pub(crate) fn render(report: &Report<'_>) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (head_matter(&report.title))
            }
            body {
                (head(report))
                main {
                    @for section in sections(report) {
                        (section)
                    }
                }
            }
        }
    };
    page.into_string()
}

/// What stands in the head of any page of ours.
pub(crate) fn head_matter(title: &str) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        meta name="color-scheme" content="light dark";
        meta http-equiv="Content-Security-Policy" content=(POLICY);
        link rel="icon" href="data:,";
        title { (title) " · C3" }
        style { (PreEscaped(STYLE)) }
    }
}

fn head(report: &Report<'_>) -> Markup {
    let verdict = verdict::of(report.results);
    html! {
        header {
            p.kind { "C3 run" }
            h1 { (report.title) }
            p.verdict { (verdict.sentence) }
            @for note in &verdict.notes {
                p.note { (note) }
            }
            dl.summary {
                @for (name, value) in &report.summary {
                    div { dt { (name) } dd { (value) } }
                }
            }
        }
    }
}

/// What was measured comes first, what it was made of last.
fn sections(report: &Report<'_>) -> Vec<Markup> {
    let results = report.results;
    let mut sections = vec![section(
        "Arms",
        html! {
            (figures::arms(results))
            (bars::cider_bars(results))
        },
    )];
    if !results.fine_tuned.is_empty() {
        sections.push(section(
            "Going on with pairs",
            shares::section(&results.by_share()),
        ));
    }
    if !report.examples.is_empty() {
        sections.push(section(
            "Pictures",
            examples::grid(&report.examples, &results.split),
        ));
    }
    if !report.geometry.is_empty() {
        sections.push(section(
            "Modality gap",
            html! {
                div.beside {
                    (figures::geometry(&report.geometry))
                    @if let Some(projection) = &report.projection {
                        (scatter::panels(projection))
                    }
                }
            },
        ));
    }
    if !results.retrieval.is_empty() {
        sections.push(section("Retrieval", figures::retrieval(&results.retrieval)));
    }
    if !results.curves.is_empty() {
        sections.push(section("Training", curves::panels(&results.curves)));
    }
    if !results.timings.is_empty() {
        sections.push(section("Time", figures::timings(&results.timings)));
    }
    sections.push(section("Recipe", recipe(&report.recipe)));
    sections.push(section("Go on", command(&report.command)));
    sections
}

fn section(heading: &str, content: Markup) -> Markup {
    html! {
        section {
            h2 { (heading) }
            (content)
        }
    }
}

fn recipe(recipe: &str) -> Markup {
    html! {
        details {
            summary { "The recipe with every setting, " (recipe.lines().count()) " lines" }
            pre tabindex="0" { code { (recipe) } }
        }
    }
}

fn command(command: &str) -> Markup {
    html! {
        p { "Caption a picture of your own with the model of this run:" }
        pre.command tabindex="0" { code { (command) } }
    }
}

#[cfg(test)]
mod tests {
    use c3_artifacts::results::{Curve, Retrieval, Timing};

    use super::*;
    use crate::report::fixture::results;

    const HOSTILE: &str = "\"><script>alert('x')</script><img src=x onerror=\"alert(1)\">";

    /// A run in which every text is `text`, save for the names of the arms.
    fn run(text: &str) -> Results {
        let text = text.to_owned();
        let curve = |run: String| Curve {
            run,
            value: text.clone(),
            over: text.clone(),
            points: vec![(1.0, 3.0), (2.0, 2.5)],
        };
        Results {
            split: text.clone(),
            retrieval: vec![Retrieval {
                split: text.clone(),
                direction: text.clone(),
                queries: 10,
                candidates: 50,
                recall: [(1, 0.259), (5, 0.51)].into(),
            }],
            curves: vec![curve(text.clone()), curve(format!("{text} seed 1"))],
            timings: vec![Timing {
                stage: text.clone(),
                seconds: 41.5,
                items: Some(1_000),
            }],
            ..results(&[
                ("C1", &[10.0, 11.5]),
                ("C3", &[44.0, 46.3]),
                ("paired", &[49.0, 51.0]),
                ("nearest", &[31.7]),
            ])
        }
    }

    fn report<'a>(results: &'a Results, text: &str) -> Report<'a> {
        let text = || text.to_owned();
        let cloud = || Cloud {
            images: vec![[0.5, 0.25]],
            texts: vec![[-0.5, 0.0]],
        };
        Report {
            title: text(),
            summary: vec![(text(), text())],
            results,
            geometry: vec![(text(), 0.414, 0.0125), ("R@1, %".to_owned(), 25.94, 26.4)],
            projection: Some(Projection {
                names: ["images", "texts"],
                axes: [text(), text()],
                before: cloud(),
                after: cloud(),
            }),
            examples: vec![Example {
                name: text(),
                picture: Some(Picture::of(vec![1, 2, 3])),
                references: vec![format!("{} dog", text()), text()],
                captions: vec![("C1".to_owned(), text()), (text(), "a dog".to_owned())],
            }],
            recipe: text(),
            command: text(),
        }
    }

    fn page(text: &str) -> String {
        let results = run(text);
        render(&report(&results, text))
    }

    /// The tags of a page, without what is between them.
    fn tags(page: &str) -> impl Iterator<Item = &str> {
        let pieces = page.split('<').skip(1);
        pieces.map(|piece| piece.split_once('>').expect("every tag ends").0)
    }

    #[test]
    fn hostile_text_stays_text() {
        let (hostile, harmless) = (page(HOSTILE), page("harmless"));
        assert!(hostile.contains("&lt;script&gt;alert('x')&lt;/script&gt;"));
        assert!(!hostile.contains("<script"));
        let names = |page: &str| -> Vec<String> {
            let names = tags(page).map(|tag| tag.split(' ').next().unwrap_or_default().to_owned());
            names.filter(|name| !name.contains("mark")).collect()
        };
        assert_eq!(names(&hostile), names(&harmless));
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let page = page("harmless");
        for outside in [
            "http:", "https:", "//", "url(", "@import", "<script", "<iframe",
        ] {
            assert!(!page.contains(outside), "the page has `{outside}`");
        }
        for attribute in ["src=\"", "href=\""] {
            let mut links = page.split(attribute).skip(1).peekable();
            assert!(links.peek().is_some());
            assert!(links.all(|link| link.starts_with("data:")));
        }
    }

    #[test]
    fn pictures_are_inside_the_page() {
        assert!(page("a cat").contains("src=\"data:image/png;base64,AQID\" alt=\"a cat dog\""));
    }

    #[test]
    fn every_arm_has_its_row_and_bar_in_its_colour() {
        let page = page("harmless");
        for class in ["arm c1", "arm c3", "arm paired", "arm nearest"] {
            assert!(
                page.contains(&format!("<th scope=\"row\"><span class=\"{class}\">")),
                "{class}"
            );
            assert!(page.contains(&format!("<svg class=\"{class}\"")), "{class}");
        }
    }

    #[test]
    fn numbers_are_those_of_the_results() {
        let (page, results) = (page("harmless"), run("harmless"));
        for arm in &results.arms {
            let scores = arm.mean.values().chain(arm.sd.values());
            for value in scores
                .chain(arm.share_of_paired.get("CIDEr"))
                .chain(&arm.sigma)
            {
                assert!(
                    page.contains(&format!("<data value=\"{value}\">")),
                    "{value}"
                );
            }
        }
        // Means and shares are rounded only for the eye.
        assert!(page.contains("<data value=\"45.15\">45.1</data>"));
        assert!(page.contains("<data value=\"0.903\">90\u{a0}%</data>"));
        assert!(page.contains("<data value=\"0.259\">25.9</data>"));
        assert!(page.contains("<data value=\"0.0125\">0.013</data>"));
        assert!(page.contains("<data value=\"25.94\">25.9</data>"));
    }

    #[test]
    fn the_best_arm_without_pairs_is_marked_once() {
        let page = page("harmless");
        let (_, row) = page
            .split_once("<tr class=\"best\">")
            .expect("one arm is the best");
        assert!(row.starts_with("<th scope=\"row\"><span class=\"arm c3\">"));
        assert!(!row.contains("<tr class=\"best\">"));
    }

    #[test]
    fn one_seed_has_no_spread() {
        let results = results(&[("C1", &[10.0]), ("C3", &[44.0])]);
        let page = render(&Report {
            projection: None,
            ..report(&results, "harmless")
        });
        assert!(page.contains("One decoder seed."));
        assert!(!page.contains('±'));
        assert!(!page.contains("whisker\"") && !page.contains("whiskers:"));
    }

    #[test]
    fn sections_without_data_are_left_out() {
        let results = results(&[("C3", &[44.0])]);
        let (examples, geometry) = (Vec::new(), Vec::new());
        let page = render(&Report {
            examples,
            geometry,
            ..report(&results, "harmless")
        });
        let headings: Vec<&str> = page
            .split("<h2>")
            .skip(1)
            .filter_map(|section| Some(section.split_once("</h2>")?.0))
            .collect();
        assert_eq!(headings, ["Arms", "Recipe", "Go on"]);
    }

    #[test]
    fn no_tag_has_an_attribute_twice() {
        for tag in tags(&page("harmless")) {
            assert!(tag.matches(" class=").count() < 2, "<{tag}>");
            assert!(tag.matches(" style=").count() < 2, "<{tag}>");
        }
    }
}
