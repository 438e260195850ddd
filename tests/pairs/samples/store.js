/**
 * @file Stores of things, read from paths and kept in caches.
 */

/**
 * Open the store that lies at a `path`, or make one.
 *
 * @param {string} path
 */
export const open = async (path) => {
  const file = await read(path);
  return new Store(file);
};

/** @typedef {Object} Options What a store can be told. */
function Store(options) {
  this.options = options;
  this.open = true;
}

/**
 * Close the file and forget what was read.
 */
Store.prototype.close = function () {
  this.file.close();
  this.open = false;
};

/** Things that help with strings of any kind. */
export const helpers = {
  /** Take white space away at both ends, {@link String#trim the usual way}. */
  trim: function (text) {
    const start = text.search(/\S/);
    return text.slice(start).trimEnd();
  },

  /**
   * @description Cut a text where two commas stand.
   * @private
   */
  split(text) {
    // from the left
    return text.split(",,");
  },
};

class Cache {
  /** Throw the oldest entries out until it fits. */
  evict = () => {
    while (this.size > this.limit) this.entries.shift();
    return this.size;
  };

  // Only JSDoc counts as documentation here.
  plain() {
    this.a = 1;
    this.b = 2;
  }
}

/** Stands apart from what follows it. */

function apart() {
  let a = 1;
  return a;
}

define(["cache"], function (cache) {
  /** Keep the results of a function in the cache. */
  function wrapped(a) {
    return cache.get(a, function () {
      /** A function inside belongs to it. */
      function inner() {
        return 1;
      }
      return inner();
    });
  }
  return { wrapped };
});
