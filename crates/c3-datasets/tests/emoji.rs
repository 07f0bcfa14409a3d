//! Laws of the embedded picture set.

#![cfg(feature = "emoji")]

use std::collections::{BTreeMap, BTreeSet};

use c3_datasets::emoji::{SEED, entries, samples, split_of};
use c3_datasets::{Picture, Sample, Split};

/// An emoji without skin tone, gender, hair, and direction, by the code points alone.
fn skeleton(name: &str) -> String {
    let points = name.split('-').filter_map(|point| match point {
        "1f3fb" | "1f3fc" | "1f3fd" | "1f3fe" | "1f3ff" => None, // skin tones
        "2640" | "2642" => None,                                 // female, male
        "1f9b0" | "1f9b1" | "1f9b2" | "1f9b3" => None,           // hair
        "27a1" => None,                                          // facing right
        "200d" | "fe0f" => None,                                 // joiners
        "1f468" | "1f469" => Some("1f9d1"),                      // man, woman: person
        "1f466" | "1f467" => Some("1f9d2"),                      // boy, girl: child
        "1f474" | "1f475" => Some("1f9d3"),                      // old man, old woman
        "1f478" | "1f934" => Some("1fac5"),                      // princess, prince
        "1f57a" => Some("1f483"),                                // dancing man
        "1f385" | "1f936" => Some("1f9d1-1f384"),                // Santa, Mrs. Claus
        point => Some(point),
    });
    let kept = points.collect::<Vec<_>>().join("-");
    // The signs for male and female are also emoji of their own.
    if kept.is_empty() {
        name.to_owned()
    } else {
        kept
    }
}

fn bytes(sample: &Sample) -> &'static [u8] {
    match sample.picture {
        Picture::Embedded(bytes) => bytes,
        Picture::File(_) => panic!("the set is embedded"),
    }
}

/// Fails if any key is in two splits.
fn each_in_one_split<K: Ord + std::fmt::Debug>(keys: impl Iterator<Item = (K, Split, String)>) {
    let mut seen: BTreeMap<K, (Split, String)> = BTreeMap::new();
    for (key, split, name) in keys {
        let (first, first_name) = seen.entry(key).or_insert((split, name.clone()));
        assert_eq!(*first, split, "{first_name} and {name} are in two splits");
    }
}

#[test]
fn variants_of_one_emoji_share_a_concept() {
    let mut concepts: BTreeMap<String, String> = BTreeMap::new();
    for entry in entries() {
        let skeleton = skeleton(&entry.sample.name);
        let concept = concepts
            .entry(skeleton)
            .or_insert_with(|| entry.concept.clone());
        assert_eq!(*concept, entry.concept, "{:?}", entry.sample.captions);
    }
}

#[test]
fn no_emoji_is_in_two_splits_in_any_variant() {
    each_in_one_split(entries().map(|entry| {
        let split = split_of(&entry.concept, SEED);
        (skeleton(&entry.sample.name), split, entry.sample.name)
    }));
}

#[test]
fn no_picture_is_in_two_splits() {
    each_in_one_split(
        samples(SEED)
            .into_iter()
            .map(|(split, sample)| (bytes(&sample), split, sample.name)),
    );
}

#[test]
fn no_caption_is_in_two_splits() {
    each_in_one_split(samples(SEED).into_iter().flat_map(|(split, sample)| {
        let Sample { name, captions, .. } = sample;
        captions
            .into_iter()
            .map(move |caption| (caption, split, name.clone()))
    }));
}

#[test]
fn every_picture_is_a_png_of_72_by_72() {
    for entry in entries() {
        let bytes = bytes(&entry.sample);
        assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n", "{}", entry.sample.name);
        assert_eq!(&bytes[12..16], b"IHDR");
        let side = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!((side(16), side(20)), (72, 72), "{}", entry.sample.name);
    }
}

#[test]
fn every_sample_has_a_name_of_its_own_and_a_caption() {
    let samples: Vec<Sample> = entries().map(|entry| entry.sample).collect();
    let names: BTreeSet<&str> = samples.iter().map(|sample| sample.name.as_str()).collect();
    assert_eq!(names.len(), samples.len());
    for sample in &samples {
        assert!((1..=2).contains(&sample.captions.len()), "{sample:?}");
        assert!(
            sample
                .captions
                .iter()
                .all(|caption| !caption.trim().is_empty())
        );
        assert!(
            !sample.captions[0].starts_with("flag:"),
            "{:?}",
            sample.captions
        );
    }
}

/// Concepts, pictures, captions of a split.
fn counts(split: Split) -> [usize; 3] {
    let entries = entries().filter(|entry| split_of(&entry.concept, SEED) == split);
    let entries: Vec<_> = entries.collect();
    let concepts: BTreeSet<&str> = entries.iter().map(|entry| entry.concept.as_str()).collect();
    let captions = entries.iter().map(|entry| entry.sample.captions.len());
    [concepts.len(), entries.len(), captions.sum()]
}

#[test]
fn the_split_is_the_documented_one() {
    assert_eq!(counts(Split::Train), [1024, 2969, 3233]);
    assert_eq!(counts(Split::Dev), [125, 332, 357]);
    assert_eq!(counts(Split::Test), [135, 373, 391]);
}

#[test]
fn the_documented_share_of_test_words_is_unseen() {
    let mut words = BTreeMap::from([Split::Train, Split::Dev, Split::Test].map(|s| (s, vec![])));
    for (split, sample) in samples(SEED) {
        let name = sample.captions[0].to_lowercase();
        let is_apart = |letter: char| !letter.is_alphanumeric() && !"-’".contains(letter);
        let named = name
            .split(is_apart)
            .filter(|word| !word.is_empty())
            .map(str::to_owned);
        words.entry(split).or_default().extend(named);
    }
    let known: BTreeSet<&String> = words[&Split::Train].iter().collect();
    let unseen = |split| {
        words[&split]
            .iter()
            .filter(|word| !known.contains(word))
            .count()
    };
    assert_eq!(
        words.values().flatten().collect::<BTreeSet<_>>().len(),
        1455
    );
    assert_eq!(
        (unseen(Split::Test), words[&Split::Test].len()),
        (313, 1688)
    );
    assert_eq!((unseen(Split::Dev), words[&Split::Dev].len()), (357, 1599));
}

#[test]
fn another_seed_splits_otherwise() {
    let differs = |entry: &c3_datasets::emoji::Entry| {
        split_of(&entry.concept, SEED) != split_of(&entry.concept, SEED + 1)
    };
    assert!(entries().filter(differs).count() > 100);
}
