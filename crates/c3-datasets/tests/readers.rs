//! Laws of the readers, for every input.

use std::collections::BTreeSet;

use c3_datasets::{
    Picture, Sample, audiocaps, clotho, coco, flickr8k, join, karpathy, select, sentences,
};
use proptest::prelude::*;

/// Samples with names of their own and captions as people write them.
fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let caption = r##"[A-Za-zéß0-9 ,.'"#-]{0,30}[a-z.]"##;
    let captions = prop::collection::vec(caption, 1..6);
    prop::collection::btree_map("[a-z0-9_]{1,12}", captions, 1..20).prop_map(|by_name| {
        let sample = |(name, captions): (String, Vec<String>)| Sample {
            picture: Picture::File(format!("{name}.jpg")),
            name: format!("{name}.jpg"),
            captions: captions
                .iter()
                .map(|caption| caption.trim().to_owned())
                .collect(),
        };
        by_name.into_iter().map(sample).collect()
    })
}

fn rows(samples: &[Sample], row: impl Fn(&str, usize, &str) -> String) -> String {
    let rows = samples.iter().flat_map(|sample| {
        let captions = sample.captions.iter().enumerate();
        captions.map(|(number, caption)| row(&sample.name, number, caption))
    });
    rows.collect()
}

proptest! {
    #[test]
    fn a_table_gives_back_what_was_written(written in samples()) {
        let table = rows(&written, |name, _, caption| format!("{name}\t{caption}\r\n"));
        let table = format!("image\tcaption\n{table}");
        let read: Result<Vec<_>, _> = flickr8k::Samples::from_table(table.as_bytes()).collect();
        prop_assert_eq!(read.unwrap(), written);
    }

    #[test]
    fn a_token_file_gives_back_what_was_written(written in samples()) {
        let file = rows(&written, |name, number, caption| format!("{name}#{number}\t{caption}\n"));
        let read: Result<Vec<_>, _> = flickr8k::Samples::from_tokens(file.as_bytes()).collect();
        prop_assert_eq!(read.unwrap(), written);
    }

    #[test]
    fn a_join_loses_nothing(samples in samples(), keep in 0..20_usize, others in 0..5_usize) {
        let there = samples.iter().take(keep).map(|sample| sample.name.clone());
        let others = (0..others).map(|other| format!("other {other}"));
        let pictures: BTreeSet<String> = there.chain(others).collect();
        let joined = join(samples.clone(), &pictures);
        let (kept, missing) = (joined.samples.len(), joined.missing_pictures.count);
        prop_assert_eq!(kept, keep.min(samples.len()));
        prop_assert_eq!(kept + missing, samples.len());
        prop_assert_eq!(kept + joined.uncaptioned_pictures.count, pictures.len());
    }

    #[test]
    fn a_selection_of_every_name_changes_nothing(samples in samples()) {
        let names: Vec<String> = samples.iter().map(|sample| sample.name.clone()).collect();
        let selected = select(&samples, &names);
        prop_assert!(selected.missing_samples.is_empty());
        prop_assert_eq!(selected.samples, samples);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = bytes.as_slice();
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
        for samples in [flickr8k::Samples::from_table(bytes), flickr8k::Samples::from_tokens(bytes)] {
            prop_assert!(samples.count() <= lines + 1);
        }
        prop_assert!(sentences::lines(bytes).count() <= lines);
        let _ = flickr8k::split_list(bytes);
        let _ = sentences::columns(bytes, &["caption"]);
        prop_assert!(sentences::every_line(bytes).count() <= lines);
        prop_assert!(audiocaps::read(bytes).is_err());
        prop_assert!(clotho::read(bytes).is_err());
        prop_assert!(coco::read(bytes).is_err());
        prop_assert!(karpathy::read(bytes).is_err());
    }
}
