//! Why a pickle is refused.

/// Why a pickle is refused, and where in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PickleError {
    /// The bytes are something else.
    #[error("the file is neither a pickle nor an archive of PyTorch")]
    NotAPickle,
    /// The file names something that is not data.
    #[error(
        "byte {offset} asks for `{name}`, which is no tensor, number, string, list or map: \
         refused, and nothing was run; save the file again with plain data alone"
    )]
    Refused {
        /// Module and name, as the file gives them.
        name: String,
        /// Byte after the name.
        offset: usize,
    },
    /// The file ends before what it says.
    #[error("the pickle is cut off at byte {offset}")]
    CutOff {
        /// First byte that is not there.
        offset: usize,
    },
    /// A byte is no instruction.
    #[error("byte {offset} is {opcode:#04x}, which is no instruction of a pickle")]
    Opcode {
        /// The byte.
        opcode: u8,
        /// Where it stands.
        offset: usize,
    },
    /// The instructions do not fit together.
    #[error("the pickle is damaged at byte {offset}: {what}")]
    Damaged {
        /// What does not fit.
        what: &'static str,
        /// Byte after the instruction.
        offset: usize,
    },
    /// Parts of the file do not fit together.
    #[error("the pickle is damaged: {what}")]
    Misfit {
        /// What does not fit.
        what: &'static str,
    },
    /// More than any honest file has.
    #[error("the pickle {what}; files that hold data do not")]
    Excess {
        /// What there is too much of.
        what: &'static str,
    },
    /// A tensor reaches out of its numbers.
    #[error("a tensor of shape {shape:?} does not fit the {held} numbers of its storage")]
    Tensor {
        /// Length of each axis.
        shape: Vec<usize>,
        /// Numbers that the storage holds.
        held: usize,
    },
    /// Numbers of a kind that is not read.
    #[error("numbers of the kind `{kind}` are not read: save them as floats or integers")]
    Kind {
        /// NumPy's or PyTorch's name of the kind.
        kind: String,
    },
    /// The numbers of a tensor are not in the file.
    #[error("the numbers of storage `{key}` are not in the file")]
    Storage {
        /// The name that the file gives them.
        key: String,
    },
    /// An entry is not as its layout has it.
    #[error("entry `{entry}` {what}")]
    Entry {
        /// Where it stands.
        entry: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The zip archive is damaged.
    #[error("the archive cannot be read: {source}")]
    Archive {
        /// What the library said.
        source: zip::result::ZipError,
    },
    /// The zip archive is none of PyTorch's.
    #[error("the archive {what}, as no file of PyTorch does")]
    NotTorch {
        /// What is odd about it.
        what: &'static str,
    },
}

impl From<zip::result::ZipError> for PickleError {
    fn from(source: zip::result::ZipError) -> Self {
        Self::Archive { source }
    }
}
