# frozen_string_literal: true

module Data
  # A store of things.
  class Store < Base # :nodoc:
    # Fetch the value of a +key+, or what the block
    # gives for it.
    #
    # @param key [String]
    # @return [Object]
    def fetch(key)
      return @data[key] if @data.key?(key)
      yield key
    end

    class << self
      # Open the store at a path and hand it to the block.
      def open(path)
        store = new(path)
        yield store
      end
    end

    # rubocop:disable Metrics/AbcSize
    def directive(a)
      a + 1
      a + 2
    end

    # Stands apart from the method below.

    def apart(a)
      a + 1
      a + 2
    end

    # Hold the lock of a name while the block runs.
    private def locked(name)
      lock = @locks[name]
      lock.synchronize { yield }
    end

    # A new store with nothing in it.
    def initialize(path)
      @path = path
      @data = {}
    end

    # Throw everything away that nobody asked for
    # since yesterday.
    def self.purge
      def inner; end
      all.each(&:close)
    end
  end
end
