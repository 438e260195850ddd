//! Stores of things.

/// A store.
pub struct Store {
    path: PathBuf,
}

impl<T> Store<T> {
    /// Opens a [`Store`] that lies at `path`.
    ///
    /// # Errors
    ///
    /// If there is none.
    #[inline]
    #[must_use]
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self { file })
    }

    // A plain comment is no documentation.
    fn plain(&self) -> usize {
        let a = 1;
        a
    }
}

impl fmt::Display for Store {
    /// Writes the path of the store.
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let path = self.path.display();
        write!(f, "{path}")
    }
}

pub trait Keyed {
    /// The key by which it is found.
    fn key(&self) -> &str;

    /// The longest of all keys that were ever seen.
    fn longest(&self) -> usize {
        fn inner() {}
        self.key().len()
    }
}

mod paths {
    /** Puts a slash between each two parts. */
    pub fn join(parts: &[&str]) -> String {
        let joined = parts.join("/");
        joined
    }
}

#[cfg(test)]
mod tests {
    /// Checks that a store can be opened twice.
    #[test]
    fn opens_twice() {
        Store::open("a").unwrap();
        Store::open("a").unwrap();
    }
}
