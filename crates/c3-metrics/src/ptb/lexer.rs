//! Cuts a text at the longest match of the grammar.

use regex_automata::{
    Anchored, MatchKind,
    hybrid::{
        LazyStateID,
        dfa::{Cache, Config, DFA},
    },
    nfa::thompson,
    util::{start, syntax},
};

use super::{
    alphabet::{APOSTROPHE, OPEN_QUOTE},
    grammar::{self, End, Rule, Token},
};

/// States are built as they are met; a million captions need a fraction of this.
const CACHE_BYTES: usize = 1 << 24;
const ROOM: &str = "the cache is far larger than the automaton and is never given up";

/// The grammar as an automaton.
#[derive(Clone, Debug)]
pub(super) struct Lexer {
    rules: Vec<Rule>,
    automaton: DFA,
}

impl Lexer {
    pub(super) fn new() -> Self {
        let rules = grammar::rules();
        let patterns: Vec<&str> = rules.iter().map(|rule| rule.pattern.as_str()).collect();
        let automaton = DFA::builder()
            .configure(
                Config::new()
                    .match_kind(MatchKind::All)
                    .cache_capacity(CACHE_BYTES),
            )
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(thompson::Config::new().utf8(false))
            .build_many(&patterns)
            .expect("the grammar is well formed");
        Self { rules, automaton }
    }

    /// Room for the states that one thread meets.
    pub(super) fn cache(&self) -> Cache {
        self.automaton.create_cache()
    }

    /// The token at the start of `text` and its length, at least one.
    pub(super) fn next(&self, cache: &mut Cache, text: &[u8]) -> Option<(Token, usize)> {
        let start = start::Config::new().anchored(Anchored::Yes);
        let mut state = self.automaton.start_state(cache, &start).expect(ROOM);
        let mut longest = None;
        for (at, &byte) in text.iter().enumerate() {
            state = self.automaton.next_state(cache, state, byte).expect(ROOM);
            if state.is_match() {
                longest = Some((state, at)); // a state tells of a match one byte late
            } else if state.is_dead() {
                return longest.map(|(state, end)| self.token(cache, state, &text[..end]));
            }
        }
        state = self.automaton.next_eoi_state(cache, state).expect(ROOM);
        if state.is_match() {
            longest = Some((state, text.len()));
        }
        longest.map(|(state, end)| self.token(cache, state, &text[..end]))
    }

    /// The token of the first rule that `state` matches.
    fn token(&self, cache: &Cache, state: LazyStateID, matched: &[u8]) -> (Token, usize) {
        let rules = 0..self.automaton.match_len(cache, state);
        let first = rules
            .map(|index| self.automaton.match_pattern(cache, state, index))
            .min();
        let rule = &self.rules[first.expect("a matching state has a rule").as_usize()];
        let stop = || matched.iter().position(|&byte| byte == b'.');
        let apostrophe = || {
            let marks = [b'\'', b'`', b'&', APOSTROPHE, OPEN_QUOTE];
            matched.iter().rposition(|byte| marks.contains(byte))
        };
        let length = match rule.end {
            End::Whole => Some(matched.len()),
            End::Before(context) => matched.len().checked_sub(context),
            End::AfterStop => stop().map(|at| at + 1),
            End::BeforeStop => stop(),
            End::BeforeApostrophe => apostrophe(),
            End::BeforeLetterAndApostrophe => apostrophe().and_then(|at| at.checked_sub(1)),
        };
        (
            rule.token,
            length.expect("a rule with context matches its context"),
        )
    }
}
