//! A queue of letters.
use std::fmt;

/// Most letters in a box.
pub const LIMIT: usize = 64;
static NAME: &str = "box";

/// A box of letters.
#[derive(Debug)]
pub struct Box<T> {
    letters: Vec<T>,
}

pub enum Order {
    Newest,
    Oldest,
}

pub type Letters = Vec<Letter>;

/// Who sends.
pub trait Sender {
    fn send(&self, letter: Letter);

    fn close(&self) {
        self.flush();
    }
}

impl<T> Sender for Box<T> {
    /// Sends a letter.
    #[inline]
    fn send(&self, letter: Letter) {
        self.letters.push(letter);
    }
}

macro_rules! letter {
    ($x:expr) => {
        Letter::new($x)
    };
}

mod tests {
    #[test]
    fn sends() {
        assert!(true);
    }
}
