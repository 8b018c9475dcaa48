using System.Globalization;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Postgres;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Faults;

/// <summary>Sessions that the server ends, a server that stops, and one that hangs.</summary>
public sealed class SessionFaultTests(PostgresFixture postgres)
{
    private const string Ours = "application_name LIKE 'backup shop%' AND datname = current_database()";
    private const string HoldsTheLock = "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 1111704139)";

    [Theory]
    [InlineData("base.dump")]
    [InlineData("/data/")]
    [InlineData("globals")]
    public async Task A_lost_snapshot_is_no_backup(string stage)
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql);
        await scene.RunAsync();
        await using var vault = new GateVault(scene.Vault, stage, () => EndAsync(scene, HoldsTheLock));
        var e = await scene.FailsAsync(ErrorCode.SourceLost, scene.Request(vault));
        Assert.Contains("the session that holds the snapshot", e.Message, StringComparison.Ordinal);
        Assert.True(e.IsTransient);
        await scene.RunAsync();
    }

    [Theory]
    [InlineData("query LIKE 'COPY (SELECT%'", "psql")]
    [InlineData("query LIKE 'COPY public.%'", "pg_dump")]
    public async Task A_reader_whose_session_is_ended_fails_the_run(string which, string tool)
    {
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql + "INSERT INTO small SELECT g, (SELECT string_agg(md5((g * 30 + i)::text), '') FROM generate_series(1, 30) i) FROM generate_series(10000, 11400) g;");
        await scene.RunAsync();
        // Without chunks the archive is too large for all pipes on its way: while zstd reads nothing pg_dump stands in the middle of a table.
        var hold = Path.Combine(scene.Root, "hold");
        await File.WriteAllTextAsync(hold, "", TestContext.Current.CancellationToken);
        if (tool == "pg_dump") scene.Tools.Replace("zstd", $"while [ -e '{hold}' ]; do sleep 0.05; done; exec \"$real\" \"$@\"");
        var request = scene.Request();
        request = request with { Database = request.Database with { ShardAbove = tool == "psql" ? 1_900_000 : 1 << 30 } };
        await using var vault = new GateVault(scene.Vault, tool == "psql" ? "/data/" : "base.dump", async () =>
        {
            await EndAsync(scene, which);
            File.Delete(hold);
        });
        var e = await scene.FailsAsync(ErrorCode.ToolFailed, request with { Vault = vault });
        Assert.StartsWith($"{tool} failed", e.Message, StringComparison.Ordinal);
        Assert.Matches("terminating connection|server closed the connection", e.Message); // a full socket does not take the first
        await scene.RunAsync();
    }

    [Fact]
    public async Task A_server_that_is_stopped_in_mid_run_fails_it_and_harms_no_earlier_backup()
    {
        var installation = await postgres.InstallationAsync();
        await using var cluster = await ThrowawayCluster.StartAsync(new ClusterRequest(), installation, postgres.Machine, TestContext.Current.CancellationToken);
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql, url: cluster.Url("postgres"));
        await scene.RunAsync();
        var pid = int.Parse(File.ReadLines(Path.Combine(cluster.DataFolder, "postmaster.pid")).First(), CultureInfo.InvariantCulture);
        await using var vault = new GateVault(scene.Vault, "/data/", async () =>
        {
            await Signal.SendAsync("QUIT", pid); // what "pg_ctl stop -m immediate" does
            await cluster.Exited;
        });
        var e = await Assert.ThrowsAsync<BackupException>(() => scene.RunAsync(scene.Request(vault)));
        Assert.Contains(e.Code, (ErrorCode[])[ErrorCode.SourceLost, ErrorCode.ToolFailed, ErrorCode.SourceUnreachable]);
        await scene.NothingIsLeftAsync(await scene.ListAsync());
    }

    [Fact]
    public async Task A_run_whose_server_hangs_can_be_stopped()
    {
        var installation = await postgres.InstallationAsync();
        await using var cluster = await ThrowawayCluster.StartAsync(new ClusterRequest(), installation, postgres.Machine, TestContext.Current.CancellationToken);
        await using var scene = await FaultScene.CreateAsync(postgres, Rows.Sql, url: cluster.Url("postgres"));
        await scene.RunAsync();
        var before = await scene.ListAsync();
        using var stop = new CancellationTokenSource();
        var backends = new List<int>();
        await using var vault = new GateVault(scene.Vault, "/data/", async () =>
        {
            await using var session = await Database.OpenAsync(scene.Url);
            await using var command = new Npgsql.NpgsqlCommand($"SELECT pid FROM pg_stat_activity WHERE {Ours}", session);
            await using (var rows = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken))
                while (await rows.ReadAsync(TestContext.Current.CancellationToken)) backends.Add(rows.GetInt32(0));
            await Signal.SendAsync("STOP", [.. backends]);
            stop.CancelAfter(300);
        });
        var clock = System.Diagnostics.Stopwatch.StartNew();
        try
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => scene.RunAsync(scene.Request(vault), stop: stop).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
            Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(50));
            await scene.NothingIsLeftAsync(before);
        }
        finally
        {
            await Signal.SendAsync("CONT", [.. backends]);
        }
    }

    private static async Task EndAsync(FaultScene scene, string which)
    {
        await Until.TrueAsync(async () => await Database.ScalarAsync<long>(scene.Url, $"SELECT count(*) FROM pg_stat_activity WHERE {Ours} AND {which}") > 0);
        await Database.SqlAsync(scene.Url, $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {Ours} AND {which}");
    }
}
