'use strict';
const { post } = require('./post');

/** Most letters in a box. */
const LIMIT = 64;

/** Adds a letter. */
export const push = (box, letter) => {
  box.letters.push(letter);
};

export default function open() {
  return new Box();
}

const actions = {
  /** Puts the lamp on at sunset. */
  lampOn() {
    schedule(sunset(), 'on');
  },
  // dims the lamp at midnight
  dim: function () {
    schedule(0, 'dim');
  },
};

/** A box of letters. */
class Box extends Base {
  #size = 0;

  // Sends them all.
  async send() {
    await post(this.letters);
  }
}

Box.prototype.close = function () {
  this.open = false;
};

module.exports.helper = function helper() {
  return 1;
};

/** Shown in the list. */
const Card = React.memo(({ title }) => {
  return <b>{title} & more</b>;
});
