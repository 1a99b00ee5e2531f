// Something of vhostd's at an object of Node's, which nobody who looks at the object sees: a private field. It costs what a
// property of a symbol does, which is shown by `util.inspect` and copied by `Object.assign`; one that is defined as not
// enumerable costs ten times as much, and a WeakMap of all of them costs the garbage collector a look at each.

export interface HiddenField<Value> {
  /** Undefined of an object that has none. A proxy has none but its own. */
  of(object: object): Value | undefined;
  set(object: object, value: Value): void;
}

/** A field of its own: to be made once, for all objects. */
export function hiddenField<Value>(): HiddenField<Value> {
  return class Field extends Given {
    #value: Value;

    private constructor(object: object, value: Value) {
      super(object);
      this.#value = value;
    }

    static of(object: object): Value | undefined {
      return #value in object ? object.#value : undefined;
    }

    static set(object: object, value: Value): void {
      if (#value in object) object.#value = value;
      else void new Field(object, value);
    }
  };
}

/** A class that is derived from it puts its fields at what it is given. */
const Given = function given(object: object): object {
  return object;
} as unknown as new (object: object) => object;
