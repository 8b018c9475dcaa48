using System.Globalization;
using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Core.Operations;

/// <summary>How long a run will take, and what that is derived from (one line for people).</summary>
public sealed record RunForecast(TimeSpan Expected, string Basis)
{
    /// <summary>
    /// Of a first run, in bytes on disk per second. The benchmark copies 68 MB/s on two cores beside the database; a provider across the network that scales
    /// to a small machine gave 12 MB/s. A wrong guess costs a container that was not needed, or a hand-over at the deadline.
    /// </summary>
    public const long FirstRunBytesPerSecond = 20_000_000;

    /// <summary>Of stored bytes: four streams of S3 through zstd on one processor.</summary>
    public const long ReadBytesPerSecond = 40_000_000;

    /// <summary>Connecting, locking tables and waking a database that sleeps: time that does not grow with the rows.</summary>
    private static readonly TimeSpan _fixed = TimeSpan.FromSeconds(10);

    /// <param name="databaseBytes">What the database takes on its disk now.</param>
    /// <param name="last">The newest whole backup, or null. Increments say nothing about the time of a dump.</param>
    public static RunForecast Make(long databaseBytes, Manifest? last)
    {
        if (last is null)
        {
            var guess = _fixed + TimeSpan.FromSeconds((double)databaseBytes / FirstRunBytesPerSecond);
            return new RunForecast(guess, $"a first run of {Bytes.Text(databaseBytes)} at {Bytes.Text(FirstRunBytesPerSecond)}/s");
        }

        var took = last.FinishedAt - last.StartedAt;
        // A database that has shrunk takes no longer than before; one that has grown takes longer in proportion.
        var growth = Math.Max(1, databaseBytes / (double)Math.Max(1, last.Snapshot.DatabaseBytes));
        return new RunForecast(took * growth, string.Create(CultureInfo.InvariantCulture, $"{last.Id} took {took.TotalSeconds:0} s, the database has {growth:0.00} times its size"));
    }

    /// <summary>Of reading a backup back: hashing, unpacking and, in a proof by restore, loading it.</summary>
    public static RunForecast OfReading(Manifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        return new RunForecast(_fixed + TimeSpan.FromSeconds((double)manifest.Totals.StoredBytes / ReadBytesPerSecond),
            $"{Bytes.Text(manifest.Totals.StoredBytes)} to read at {Bytes.Text(ReadBytesPerSecond)}/s");
    }
}

/// <summary>Where a run belongs: in the function that was called, or in a container that has hours.</summary>
public static class RunnerChoice
{
    /// <summary>Of the function's 15 minutes, what a forecast may fill; the rest is for a bad day.</summary>
    public static readonly TimeSpan Comfortable = TimeSpan.FromMinutes(8);

    /// <summary>The same for a proof. A restore wants a disk and nobody's deadline, whatever it weighs.</summary>
    public static string? WhyElsewhere(VerifyLevel level, Manifest? manifest)
    {
        if (level == VerifyLevel.Restore) return "a drill restores the whole backup";
        return manifest is null || RunForecast.OfReading(manifest) is not { } forecast || forecast.Expected <= Comfortable ? null : TooLong(forecast);
    }

    /// <summary>Why the run should be handed over, or null when it should be made here.</summary>
    /// <param name="database">Its <see cref="DatabasePolicy.Runner"/> decides where it is not auto.</param>
    /// <param name="onlyIpv6">The host has no IPv4 address; functions have no IPv6.</param>
    /// <param name="forecast">Null when it was not asked for.</param>
    public static string? WhyElsewhere(DatabasePolicy database, bool onlyIpv6, RunForecast? forecast)
    {
        ArgumentNullException.ThrowIfNull(database);
        return database.Runner switch
        {
            Runner.Lambda => null,
            Runner.Fargate => "the policy says runner: fargate",
            _ when onlyIpv6 => "the database's host has only IPv6 addresses, which functions cannot reach",
            _ when forecast?.Expected > Comfortable => TooLong(forecast),
            _ => null,
        };
    }

    private static string TooLong(RunForecast forecast) => string.Create(CultureInfo.InvariantCulture,
        $"it is expected to take {forecast.Expected.TotalMinutes:0} minutes ({forecast.Basis}), more than {Comfortable.TotalMinutes:0}");
}
