export namespace Paths {
  /** Make a path absolute, seen from where we are. */
  export function resolve(path: string): string {
    if (path.startsWith("/")) return path;
    return cwd() + "/" + path;
  }
}

export abstract class Store<T> implements Closeable {
  /** Write what was changed to the disk. */
  @Traced()
  async flush(): Promise<void> {
    await this.file.sync();
    this.dirty = false;
  }

  /** Tell how many things there are in it. */
  abstract size(): number;

  /** Call again and again until there is an answer. */
  private retry = async (call: () => Promise<T>): Promise<T> => {
    for (;;) {
      try { return await call(); } catch {}
    }
  };
}

/** Add numbers to numbers or texts to texts. */
export function overloaded(a: string): string;
export function overloaded(a: number): number;
/** Add what is given, by its kind. */
export function overloaded(a: any): any {
  if (typeof a === "string") return a + a;
  return a + a;
}
