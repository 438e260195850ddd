{-# LANGUAGE LambdaCase #-}
module Post.Box (Box, send) where

import Data.List (sort)

-- | How letters are sorted.
data Order = Newest | Oldest
  deriving (Eq, Show)

newtype Letters = Letters [Letter]

type Id = Int

-- | Who sends.
class Sender a where
  send :: a -> Letter -> IO ()
  close :: a -> IO ()

-- | A box of letters.
data Box a = Box
  { boxSize :: Int
  , boxLetters :: [a]
  }

instance Sender (Box a) where
  send box letter = print letter
  close _ = pure ()

-- | Joins two boxes.
join :: Box a -> Box a -> Box a
join (Box n a) (Box m b) =
  Box (n + m) (a ++ b)
join a _ = a

limit :: Int
limit = 64

(<+>) :: Box a -> Box a -> Box a
a <+> b = join a b
