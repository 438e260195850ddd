import { post } from './post';

/** Most letters in a box. */
export const LIMIT: number = 64;

export type Letters = readonly Letter[];

/** Who sends. */
export interface Sender {
  send(letter: Letter): Promise<void>;
}

export enum Order {
  Newest,
  Oldest,
}

declare module 'post' {
  export function stamp(letter: Letter): void;
}

namespace office {
  export const open = true;
}

/** A box of letters. */
@Injectable()
export class Box<T> implements Sender {
  private letters: T[] = [];

  constructor(private readonly size: number) {}

  /** Sends a letter. */
  @Log()
  async send(letter: Letter): Promise<void> {
    await post(letter);
  }

  handle = (event: Event): void => {
    this.send(event.letter);
  };
}

export abstract class Base {
  abstract close(): void;
}

// Joins two boxes.
export function join<T>(a: Box<T>, b: Box<T>): Box<T> {
  return new Box(a.size + b.size);
}
