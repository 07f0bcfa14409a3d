//! Both modalities as points, before and after Collapse, on the same axes.

use std::fmt::Write;

use maud::{Markup, html};

use super::axis::Axis;
use super::number::tenths;
use super::page::{Cloud, Projection};

const SIDE: f64 = 250.0;
const LEFT: f64 = 46.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 38.0;
const RIGHT: f64 = 14.0;

/// Width and height of a panel.
pub(crate) const SIZE: [f64; 2] = [LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM];

/// The two panels alone, before and after.
pub(crate) fn both(projection: &Projection) -> [Markup; 2] {
    let Projection { before, after, .. } = projection;
    let axis = axis(projection);
    [("before Collapse", before), ("after Collapse", after)]
        .map(|(name, cloud)| panel(name, cloud, &axis, projection))
}

/// One axis for all that is drawn, so that both panels can be compared.
fn axis(Projection { before, after, .. }: &Projection) -> Axis {
    let points = [before, after]
        .into_iter()
        .flat_map(|cloud| [&cloud.images, &cloud.texts]);
    Axis::covering(points.flatten().flatten().map(|value| f64::from(*value)), 4)
}

/// One square panel before, one after.
pub(crate) fn panels(projection: &Projection) -> Markup {
    let [first, second] = projection.names;
    let names = ["before Collapse", "after Collapse"];
    html! {
        figure.scatter {
            figcaption {
                b { "Both modalities on two directions." }
                " The line joins the means of the two modalities."
            }
            p.legend {
                span.images {
                    svg width="12" height="12" aria-hidden="true" {
                        circle.key cx="6" cy="6" r="4" {}
                    }
                    (first)
                }
                span.texts {
                    svg width="12" height="12" aria-hidden="true" {
                        rect.key x="2" y="2" width="8" height="8" {}
                    }
                    (second)
                }
            }
            div.panels {
                @for (name, panel) in names.into_iter().zip(both(projection)) {
                    div {
                        h3 { (name) }
                        (panel)
                    }
                }
            }
        }
    }
}

fn panel(name: &str, cloud: &Cloud, axis: &Axis, projection: &Projection) -> Markup {
    let [first, second] = projection.names;
    let (width, height) = (LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM);
    let spoken = format!("Scatter plot of {first} and {second} {name}");
    html! {
        svg viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(spoken) {
            (frame(axis, &projection.axes))
            path.points.images d=(dots(&cloud.images, axis)) {}
            path.points.texts d=(dots(&cloud.texts, axis)) {}
            (means(cloud, axis, projection.names))
        }
    }
}

fn frame(axis: &Axis, axes: &[String; 2]) -> Markup {
    html! {
        @for (tick, label) in axis.ticks() {
            @let (x, y) = (across(axis, tick), down(axis, tick));
            line.grid x1=(x) x2=(x) y1=(TOP) y2=(TOP + SIDE) {}
            line.grid x1=(LEFT) x2=(LEFT + SIDE) y1=(y) y2=(y) {}
            text x=(x) y=(TOP + SIDE + 16.0) text-anchor="middle" { (label) }
            text x=(LEFT - 5.0) y=(y) dy="0.35em" text-anchor="end" { (label) }
        }
        text.axis x=(LEFT + SIDE / 2.0) y=(TOP + SIDE + 33.0) text-anchor="middle" { (axes[0]) }
        text.axis text-anchor="middle"
            transform=(format!("translate(10 {}) rotate(-90)", TOP + SIDE / 2.0)) { (axes[1]) }
    }
}

/// Points as strokes of no length: their caps are what is seen.
fn dots(points: &[[f32; 2]], axis: &Axis) -> String {
    let mut path = String::new();
    for point in points {
        let [x, y] = point.map(f64::from);
        write!(path, "M{} {}h0", across(axis, x), down(axis, y)).expect("strings take all text");
    }
    path
}

fn means(cloud: &Cloud, axis: &Axis, [first, second]: [&str; 2]) -> Markup {
    let Some((images, texts)) = mean(&cloud.images).zip(mean(&cloud.texts)) else {
        return html! {};
    };
    let place = |[x, y]: [f64; 2]| (across(axis, x), down(axis, y));
    let ((x1, y1), (x2, y2)) = (place(images), place(texts));
    html! {
        line.between x1=(x1) y1=(y1) x2=(x2) y2=(y2) {}
        circle.mean.images cx=(x1) cy=(y1) r="6" { title { "mean of the " (first) } }
        rect.mean.texts x=(x2 - 5.0) y=(y2 - 5.0) width="10" height="10" {
            title { "mean of the " (second) }
        }
    }
}

fn mean(points: &[[f32; 2]]) -> Option<[f64; 2]> {
    let sum = |axis: usize| {
        points
            .iter()
            .map(|point| f64::from(point[axis]))
            .sum::<f64>()
    };
    let n_points = points.len() as f64;
    (!points.is_empty()).then(|| [sum(0) / n_points, sum(1) / n_points])
}

fn across(axis: &Axis, value: f64) -> f64 {
    tenths(LEFT + axis.place(value) * SIDE)
}

fn down(axis: &Axis, value: f64) -> f64 {
    tenths(TOP + (1.0 - axis.place(value)) * SIDE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_panels_share_axes_and_show_where_the_means_are() {
        let cloud = |x: f32| Cloud {
            images: vec![[x, 0.0], [x, 1.0]],
            texts: vec![[-x, 0.0], [-x, 1.0]],
        };
        let axes = ["gap".to_owned(), "first".to_owned()];
        let page = panels(&Projection {
            names: ["images", "texts"],
            axes,
            before: cloud(1.0),
            after: cloud(0.0),
        });
        let page = page.into_string();
        let (middle, right) = (LEFT + SIDE / 2.0, LEFT + SIDE);
        let (half, zero) = (TOP + SIDE / 4.0, TOP + SIDE / 2.0);
        assert!(
            page.contains(&format!("d=\"M{right} {zero}h0M{right} {TOP}h0\"")),
            "{page}"
        );
        assert!(
            page.contains(&format!("cx=\"{right}\" cy=\"{half}\"")),
            "{page}"
        );
        assert!(
            page.contains(&format!("cx=\"{middle}\" cy=\"{half}\"")),
            "{page}"
        );
    }
}
