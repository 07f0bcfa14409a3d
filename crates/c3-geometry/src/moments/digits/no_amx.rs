//! No processor of this kind has tiles that this program could use.

use std::marker::PhantomData;

use super::directions::{self, Steps};
use super::{COLUMNS, Rows, Slice, Totals};

/// Proof of tiles: there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tiles {}

/// Tiles in use: nobody comes to have any.
pub(super) struct Configured;

/// Sums in them.
pub(super) struct Summing<'a>(PhantomData<&'a Configured>);

impl Tiles {
    pub(crate) fn get() -> Option<Self> {
        None
    }

    pub(super) fn configure(self) -> Configured {
        match self {}
    }

    pub(super) fn cut(self, _: &Rows, _: &[f64; COLUMNS], _: &mut Slice, _: &mut [i64; COLUMNS]) {
        match self {}
    }

    pub(super) fn turn(self, _: &Slice, _: &mut Slice) {
        match self {}
    }

    pub(super) fn cut_steps(self, _: &Steps, _: &mut directions::Slice, _: &mut [i64; COLUMNS]) {
        match self {}
    }

    pub(super) fn turn_digits(self, _: &directions::Slice, _: &mut directions::Slice) {
        match self {}
    }
}

impl Configured {
    pub(super) fn multiply(&self, _: &[Slice], _: &[Slice], _: &mut Totals) {
        unreachable!("only tiles are configured")
    }

    pub(super) fn begin(&mut self) -> Summing<'_> {
        unreachable!("only tiles are configured")
    }
}

impl Summing<'_> {
    pub(super) fn add(&mut self, _: &directions::Slice, _: &directions::Slice) {
        unreachable!("only tiles are configured")
    }

    pub(super) fn store(self, _: &mut directions::Totals) {
        unreachable!("only tiles are configured")
    }
}
