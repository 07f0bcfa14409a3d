//! SHA-256, written as 64 hexadecimal digits.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::ArtifactError;

/// Digest of some bytes.
///
/// ```
/// let digest = c3_artifacts::hash::sha256(b"abc");
/// assert!(digest.starts_with("ba7816bf8f01cfea"));
/// ```
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Digest of everything a reader gives, in constant memory.
///
/// # Errors
///
/// What the reader says.
pub fn sha256_stream(mut reader: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hexadecimal(&hasher.finalize())),
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Digest of a file, in constant memory.
///
/// # Errors
///
/// [`ArtifactError::Read`].
pub fn sha256_file(path: &Path) -> Result<String, ArtifactError> {
    let digest = File::open(path).and_then(sha256_stream);
    digest.map_err(|source| ArtifactError::Read {
        path: path.to_owned(),
        source,
    })
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes every byte");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-4, example digests of the empty message and of "abc".
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn digests_are_those_of_the_standard() {
        assert_eq!(sha256(b""), EMPTY);
        assert_eq!(sha256(b"abc"), ABC);
    }

    #[test]
    fn a_stream_has_the_digest_of_its_bytes() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|i| i as u8).collect();
        assert_eq!(sha256_stream(bytes.as_slice()).unwrap(), sha256(&bytes));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = sha256_file(Path::new("no/such/file")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read `no/such/file`");
    }
}
