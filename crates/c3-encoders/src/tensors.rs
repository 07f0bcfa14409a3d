//! Weight files into named host tensors, and what does not fit.

mod checkpoint;

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensorError};
use serde::Deserialize;

use crate::folder::read_json;
use crate::numbers::widen_all;
use crate::{EncoderError, TensorFault};

/// The longest header of a safetensors file, as its own reader has it.
const LONGEST_HEADER: u64 = 100_000_000;

/// The tensors of one weight file, or of the parts that an index names.
///
/// Only what says which tensors there are is read when a file is opened; every tensor is
/// read once, when it is taken, straight into the numbers that the model keeps. So
/// loading takes little more memory than the model, and what is not taken costs nothing.
///
/// [`take`](Self::take) never fails: it remembers what was wrong, so that
/// [`finish`](Self::finish) can name everything at once.
pub(crate) struct TensorFile {
    file: PathBuf,
    tensors: HashMap<String, Stored>,
    faults: Vec<TensorFault>,
}

/// One tensor that nobody has taken yet.
struct Stored {
    shape: Vec<usize>,
    numbers: Numbers,
}

/// Where the numbers of a tensor are.
enum Numbers {
    /// In the file, from byte `start`.
    InFile {
        file: Arc<File>,
        start: u64,
        dtype: Dtype,
    },
    /// Here, as the file has them.
    Held { bytes: Vec<u8>, dtype: Dtype },
}

impl TensorFile {
    /// Opens a safetensors file, an index of several, or a PyTorch checkpoint, whichever it is.
    pub(crate) fn open(file: &Path) -> Result<Self, EncoderError> {
        let tensors = if file
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            open_index(file)?
        } else {
            open_one(file)?
        };
        Ok(Self {
            file: file.to_owned(),
            tensors,
            faults: Vec::new(),
        })
    }

    /// Whether the file has a tensor of this name that was not taken.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The names of all tensors that were not taken, in no order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// How many different numbers follow a beginning of names, as those of blocks do.
    ///
    /// A number that is left out makes one block fewer, whose tensors are then named as too many.
    pub(crate) fn count(&self, start: &str) -> usize {
        let numbers = self.names().filter_map(|name| {
            let (number, _) = name.strip_prefix(start)?.split_once('.')?;
            number.parse::<usize>().ok()
        });
        numbers.collect::<BTreeSet<usize>>().len()
    }

    /// The shape of a tensor that was not taken.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|stored| &*stored.shape)
    }

    /// Takes a tensor's values in row-major order; zeros if it does not fit.
    pub(crate) fn take(&mut self, name: &str, expected: &[usize]) -> Vec<f32> {
        let mut values = Vec::new();
        self.take_behind(&mut values, name, expected);
        values
    }

    /// As [`take`](Self::take), behind the values that there are.
    pub(crate) fn take_behind(&mut self, values: &mut Vec<f32>, name: &str, expected: &[usize]) {
        let first = values.len();
        let name = || name.to_owned();
        let fault = match self.tensors.remove(&name()) {
            None => TensorFault::Missing {
                name: name(),
                expected: expected.to_vec(),
            },
            Some(stored) if stored.shape != expected => TensorFault::Shape {
                name: name(),
                expected: expected.to_vec(),
                found: stored.shape,
            },
            Some(stored) => match stored.read(values) {
                Ok(true) => return,
                Ok(false) => TensorFault::Values { name: name() },
                Err(_) => TensorFault::Unreadable { name: name() },
            },
        };
        self.faults.push(fault);
        values.truncate(first);
        values.resize(first + expected.iter().product::<usize>(), 0.0);
    }

    /// Fails if anything that was taken did not fit.
    pub(crate) fn finish(self) -> Result<(), EncoderError> {
        if self.faults.is_empty() {
            return Ok(());
        }
        Err(EncoderError::Weights {
            file: self.file,
            faults: self.faults,
        })
    }

    /// As [`finish`](Self::finish), and also if a tensor is left that is not `spare`.
    pub(crate) fn finish_whole(mut self, spare: impl Fn(&str) -> bool) -> Result<(), EncoderError> {
        let names: BTreeSet<&String> = self.tensors.keys().filter(|name| !spare(name)).collect();
        let extra = names.into_iter().map(|name| TensorFault::Extra {
            name: name.clone(),
            found: self.tensors[name].shape.clone(),
        });
        let extra: Vec<TensorFault> = extra.collect();
        self.faults.extend(extra);
        self.finish()
    }
}

impl Stored {
    /// Adds the values in f32; whether all of them are finite floating-point numbers.
    fn read(self, values: &mut Vec<f32>) -> io::Result<bool> {
        let count = self.shape.iter().product();
        match self.numbers {
            Numbers::InFile { file, start, dtype } => {
                let mut file = &*file;
                file.seek(SeekFrom::Start(start))?;
                widen_all(file, count, dtype, values)
            }
            Numbers::Held { bytes, dtype } => widen_all(&*bytes, count, dtype, values),
        }
    }
}

fn open_one(file: &Path) -> Result<HashMap<String, Stored>, EncoderError> {
    let unread = |source| EncoderError::Read {
        file: file.to_owned(),
        source,
    };
    let source = File::open(file).map_err(unread)?;
    let length = source.metadata().map_err(unread)?.len();
    let mut head = Vec::with_capacity(9);
    (&source).take(9).read_to_end(&mut head).map_err(unread)?;
    // A safetensors file begins with the length of a JSON header, and the header.
    match head[..] {
        [a, b, c, d, e, f, g, h, b'{'] => {
            let header = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
            open_safetensors(source, header, length).map_err(|fault| fault.of(file))
        }
        _ => checkpoint::open(file),
    }
}

/// What stops a safetensors file from being opened.
enum Unopened {
    Read(io::Error),
    Format(SafeTensorError),
}

impl Unopened {
    fn of(self, file: &Path) -> EncoderError {
        let file = file.to_owned();
        match self {
            Self::Read(source) => EncoderError::Read { file, source },
            Self::Format(source) => EncoderError::Safetensors { file, source },
        }
    }
}

fn open_safetensors(
    mut source: File,
    header: u64,
    length: u64,
) -> Result<HashMap<String, Stored>, Unopened> {
    let format = Unopened::Format;
    if header > LONGEST_HEADER {
        return Err(format(SafeTensorError::HeaderTooLarge));
    }
    let data = header + 8;
    if data > length {
        return Err(format(SafeTensorError::InvalidHeaderLength));
    }
    source.seek(SeekFrom::Start(8)).map_err(Unopened::Read)?;
    let text = BufReader::new((&source).take(header));
    let metadata: Metadata = serde_json::from_reader(text)
        .map_err(|cause| format(SafeTensorError::InvalidHeaderDeserialization(cause)))?;
    if data + metadata.data_len() as u64 != length {
        return Err(format(SafeTensorError::MetadataIncompleteBuffer));
    }
    let file = Arc::new(source);
    let tensors = metadata.tensors().into_iter().map(|(name, info)| {
        let numbers = Numbers::InFile {
            file: Arc::clone(&file),
            start: data + info.data_offsets.0 as u64,
            dtype: info.dtype,
        };
        let shape = info.shape.clone();
        (name, Stored { shape, numbers })
    });
    Ok(tensors.collect())
}

/// `model.safetensors.index.json`: which file holds which tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

fn open_index(file: &Path) -> Result<HashMap<String, Stored>, EncoderError> {
    let Index { weight_map } = read_json(file)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut tensors = HashMap::new();
    for part in weight_map.values().collect::<BTreeSet<_>>() {
        // An index names its neighbours, and nothing elsewhere on the machine.
        let name = Path::new(part).file_name().unwrap_or_default();
        tensors.extend(open_one(&folder.join(name))?);
    }
    tensors.retain(|name, _| weight_map.contains_key(name));
    Ok(tensors)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use safetensors::tensor::TensorView;

    /// A safetensors file of one tensor `x` of two numbers.
    fn file(dtype: Dtype, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let view = TensorView::new(dtype, vec![2], bytes).unwrap();
        let archive = safetensors::serialize([("x", view)], None).unwrap();
        write(&archive)
    }

    fn write(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model");
        fs::write(&file, bytes).unwrap();
        (folder, file)
    }

    fn fault(mut tensors: TensorFile, name: &str, shape: &[usize]) -> String {
        tensors.take(name, shape);
        let Err(EncoderError::Weights { faults, .. }) = tensors.finish() else {
            panic!("nothing was wrong");
        };
        faults[0].to_string()
    }

    #[test]
    fn half_precision_is_widened() {
        let (_folder, file) = file(Dtype::BF16, &[0x80, 0x3F, 0x00, 0xC0]); // 1 and -2
        let mut tensors = TensorFile::open(&file).unwrap();
        assert_eq!(tensors.take("x", &[2]), [1.0, -2.0]);
        tensors.finish().unwrap();
    }

    #[test]
    fn a_tensor_that_does_not_fit_says_how() {
        let numbers = [1.0_f32.to_le_bytes(), f32::NAN.to_le_bytes()].concat();
        let (_folder, file) = file(Dtype::F32, &numbers);
        let open = || TensorFile::open(&file).unwrap();
        assert_eq!(fault(open(), "y", &[3]), "y is missing (expected [3])");
        assert_eq!(
            fault(open(), "x", &[1, 2]),
            "x has shape [2] (expected [1, 2])"
        );
        let values = "x does not hold finite floating-point numbers";
        assert_eq!(fault(open(), "x", &[2]), values);
    }

    #[test]
    fn a_tensor_that_nobody_took_is_named_unless_it_is_spare() {
        let (_folder, file) = file(Dtype::F32, &[0; 8]);
        let open = || TensorFile::open(&file).unwrap();
        open().finish_whole(|name| name == "x").unwrap();
        let error = open().finish_whole(|_| false).unwrap_err().to_string();
        assert!(
            error.ends_with("x of shape [2] is not part of the model"),
            "{error}"
        );
    }

    #[test]
    fn an_index_opens_its_parts_and_names_the_one_that_is_missing() {
        let (folder, part) = file(Dtype::F16, &[0, 0x3C, 0, 0xC0]); // 1 and -2
        let index = folder.path().join("model.index.json");
        let write = |map: &str| fs::write(&index, format!("{{\"weight_map\": {map}}}")).unwrap();
        write("{\"x\": \"model\"}");
        let mut tensors = TensorFile::open(&index).unwrap();
        assert_eq!(tensors.take("x", &[2]), [1.0, -2.0]);
        write("{\"x\": \"model\", \"y\": \"model-2\"}");
        let error = TensorFile::open(&index).err().unwrap().to_string();
        let missing = part.with_file_name("model-2");
        assert_eq!(error, format!("cannot read `{}`", missing.display()));
    }

    #[test]
    fn a_file_that_is_cut_short_is_refused() {
        let whole = Path::new("tests/golden/tiny_efficientnet."); // tests run in their crate
        for extension in ["pth", "safetensors"] {
            let whole = fs::read(whole.with_extension(extension)).unwrap();
            for length in [0, 5, 100, whole.len() / 2, whole.len() - 1] {
                let (_folder, file) = write(&whole[..length]);
                assert!(TensorFile::open(&file).is_err(), "{extension} {length}");
            }
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = TensorFile::open(Path::new("nowhere/model")).err().unwrap();
        assert_eq!(error.to_string(), "cannot read `nowhere/model`");
    }
}
