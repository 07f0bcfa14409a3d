//! Brings one file over a network that breaks.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use super::arrival::{self, Stopped};
use super::client::Client;
use super::error::FetchError;
use super::patience::Patience;
use super::progress::Progress;

/// A file on its way to its temporary name.
pub(crate) struct Transfer<'a> {
    /// Who asks.
    pub(crate) client: &'a Client,
    /// Where the file is.
    pub(crate) url: String,
    /// Its name, for a person.
    pub(crate) file: &'a str,
    /// Its length in bytes.
    pub(crate) total: u64,
    /// The temporary name; what is there already is the beginning of the file.
    pub(crate) part: &'a Path,
}

impl Transfer<'_> {
    /// Goes on from what is there until the file has its length.
    ///
    /// What has come stays under the temporary name, whatever happens.
    pub(crate) fn run(&self) -> Result<(), FetchError> {
        let mut patience = Patience::default();
        let mut furthest = self.have()?;
        let mut progress = Progress::start(self.file, self.total, furthest);
        loop {
            let Err(error) = self.attempt(&mut progress) else {
                return Ok(());
            };
            let have = self.have()?;
            if have > furthest {
                (furthest, patience) = (have, Patience::default());
            }
            patience.bear(error)?;
        }
    }

    fn attempt(&self, progress: &mut Progress) -> Result<(), FetchError> {
        let have = self.have()?;
        if have == self.total {
            return Ok(());
        }
        // What is longer than the file is not its beginning.
        let have = if have < self.total { have } else { 0 };
        let content = self.client.content(&self.url, have)?;
        let append = match content.from {
            0 => false,
            from if from == have => true,
            _ => {
                return Err(FetchError::Unannounced {
                    url: self.url.clone(),
                    what: "range",
                });
            }
        };
        if !append {
            progress.rewind();
        }
        let disk = |cause| FetchError::disk(self.part, cause);
        let mut options = OpenOptions::new();
        options
            .create(true)
            .write(true)
            .append(append)
            .truncate(!append);
        let mut file = options.open(self.part).map_err(disk)?;
        let mut rest = content.reader.take(self.total - content.from);
        match arrival::pour(&mut rest, &mut file, progress) {
            Err(Stopped::Writing(cause)) => return Err(disk(cause)),
            // Broken off: the length tells.
            Err(Stopped::Reading(_)) | Ok(()) => file.sync_all().map_err(disk)?,
        }
        match self.have()? {
            have if have == self.total => Ok(()),
            have => Err(FetchError::Interrupted {
                file: self.file.to_owned(),
                have,
                total: self.total,
            }),
        }
    }

    fn have(&self) -> Result<u64, FetchError> {
        match fs::metadata(self.part) {
            Ok(there) => Ok(there.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(cause) => Err(FetchError::disk(self.part, cause)),
        }
    }
}
