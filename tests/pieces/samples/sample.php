<?php

namespace Post\Office;

use Post\Letter;

/** Most letters in a box. */
const LIMIT = 64;

/** Who sends. */
interface Sender
{
    public function send(Letter $letter): void;
}

enum Order: string
{
    case Newest = 'newest';

    public function other(): self
    {
        return self::Newest;
    }
}

trait Stamps
{
    protected $stamps = [];
}

/** A box of letters. */
#[Entity]
final class Box implements Sender
{
    public const SIZE = 3;
    private array $letters = [];

    /** Sends a letter. */
    #[Route('/send')]
    public function send(Letter $letter): void
    {
        $this->letters[] = $letter;
    }
}

// Joins two boxes.
function join_boxes(Box $a, Box $b): Box
{
    return new Box($a, $b);
}
