<?php
namespace Example\Data;

/** Keeps records by their keys. */
final class Store extends Base
{
    /**
     * Finds one record by the key that {@see Store::put()} was given.
     *
     * @param string $key
     * @return Record|null
     */
    #[Pure]
    public function find(string $key): ?Record
    {
        $row = $this->rows[$key] ?? null;
        return $row ? new Record($row) : null;
    }

    /** Makes a store with a name. */
    public function __construct(string $name)
    {
        $this->name = $name;
        $this->rows = [];
    }

    /**
     * @return int
     */
    public function size()
    {
        $this->load();
        return count($this->rows);
    }
}

if (!function_exists('store_path')) {
    /** Tells where the store of a user lies. */
    function store_path($user)
    {
        $home = home($user);
        return "$home/.store";
    }
}

trait Counts
{
    /** Adds one to the number of uses of a key. */
    private function increase($key)
    {
        $this->uses[$key]++;
        return $this;
    }
}
