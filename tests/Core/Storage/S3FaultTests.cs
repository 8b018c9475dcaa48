using System.Diagnostics;
using Amazon.Runtime;
using Backup.Core.Model;
using Backup.Core.Storage;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Storage;

/// <summary>What a good server never does, and what must come of it.</summary>
public sealed class S3FaultTests
{
    private const int Large = 20 << 20;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Seconds_of_slow_down_are_survived()
    {
        var clock = Stopwatch.StartNew();
        await using var s3 = new ScriptedS3(_ => clock.Elapsed < TimeSpan.FromSeconds(4) ? new Misbehaviour.Answer(503, "SlowDown", "Please reduce your request rate.") : null);
        await using var vault = Open(s3, 8);
        await vault.PutAsync("a", new PatternStream(Large), ObjectState.Pending, null, Cancel);
        Assert.Equal(PatternStream.Bytes(Large), s3.Objects["a"]);
    }

    [Fact]
    public async Task An_endless_slow_down_is_transient_and_leaves_nothing()
    {
        await using var s3 = new ScriptedS3(r => r.Name == "UploadPart" && r.PartNumber == 2 ? new Misbehaviour.Answer(503, "SlowDown") : null);
        await using var vault = Open(s3, 2);
        var error = await VaultContract.ThrowsAsync(ErrorCode.VaultUnreachable,
            () => vault.PutAsync("a", new PatternStream(Large), ObjectState.Pending, null, Cancel));
        Assert.True(error.IsTransient);
        AssertNothingStays(s3);
        Assert.Equal(3, s3.Requests.Count(r => r.PartNumber == 2)); // one layer retries, not two
    }

    [Fact]
    public async Task A_reset_in_mid_part_is_sent_again()
    {
        var resets = 2;
        await using var s3 = new ScriptedS3(r => r.PartNumber == 2 && Interlocked.Decrement(ref resets) >= 0 ? new Misbehaviour.ResetWhileReceiving(3_000_000) : null);
        await using var vault = Open(s3);
        await vault.PutAsync("a", new PatternStream(Large), ObjectState.Pending, null, Cancel);
        Assert.Equal(PatternStream.Bytes(Large), s3.Objects["a"]);
    }

    [Fact]
    public async Task A_part_that_stalls_is_given_up_and_sent_again()
    {
        var stalls = 1;
        await using var s3 = new ScriptedS3(r => r.PartNumber == 1 && Interlocked.Decrement(ref stalls) >= 0 ? new Misbehaviour.Stall(TimeSpan.FromMinutes(5)) : null);
        await using var vault = Open(s3, stall: TimeSpan.FromSeconds(2));
        await vault.PutAsync("a", new PatternStream(Large), ObjectState.Pending, null, Cancel).WaitAsync(TimeSpan.FromSeconds(60), Cancel);
        Assert.Equal(PatternStream.Bytes(Large), s3.Objects["a"]);
    }

    [Fact]
    public async Task An_error_inside_an_ok_of_complete_is_an_error()
    {
        await using var s3 = new ScriptedS3(r => r.Name == "Complete" ? new Misbehaviour.ErrorInOk("InternalError") : null);
        await using var vault = Open(s3, 2);
        var error = await VaultContract.ThrowsAsync(ErrorCode.VaultUnreachable,
            () => vault.PutAsync("a", new PatternStream(Large), ObjectState.Pending, null, Cancel));
        Assert.True(error.IsTransient);
        Assert.Empty(s3.Objects);
        Assert.Equal(0, s3.OpenUploads);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(Large)]
    public async Task An_object_whose_answer_was_lost_is_recognised_as_ours(int length)
    {
        var losses = 1;
        await using var s3 = new ScriptedS3(r => r.Name is "Put" or "Complete" && Interlocked.Decrement(ref losses) >= 0 ? new Misbehaviour.LoseAnswer() : null);
        await using var vault = Open(s3);
        Assert.Equal(length, await vault.PutAsync("a", new PatternStream(length), ObjectState.Pending, null, Cancel));
        Assert.Equal(PatternStream.Bytes(length), s3.Objects["a"]);
    }

    [Theory]
    [InlineData("Put", 403, "AccessDenied")]
    [InlineData("Put", 403, "InvalidAccessKeyId")]
    [InlineData("Put", 400, "ExpiredToken")]
    [InlineData("Put", 403, "SignatureDoesNotMatch")]
    [InlineData("Put", 301, "PermanentRedirect")]
    public async Task A_refusal_names_what_to_change_and_is_not_retried(string request, int status, string code)
    {
        await using var s3 = new ScriptedS3(r => r.Name == request ? new Misbehaviour.Answer(status, code, code == "AccessDenied" ? "no policy allows it" : "signed with hunter2") : null);
        await using var vault = Open(s3);
        var error = await VaultContract.ThrowsAsync(ErrorCode.VaultDenied, () => vault.PutAsync("a", new PatternStream(10), ObjectState.Pending, null, Cancel));
        Assert.False(error.IsTransient);
        Assert.Contains("s3://bucket/a", error.Message, StringComparison.Ordinal);
        Assert.Matches("s3:PutObject|AWS_|region", error.Message + error.NextStep);
        Assert.Equal(1, s3.Count(request));
    }

    [Fact]
    public async Task A_race_for_a_key_is_a_transient_conflict()
    {
        await using var s3 = new ScriptedS3(r => r.Name == "Complete" ? new Misbehaviour.Answer(409, "ConditionalRequestConflict") : null);
        await using var vault = Open(s3);
        var error = await VaultContract.ThrowsAsync(ErrorCode.VaultConflict, () => vault.PutAsync("a", new PatternStream(Large), ObjectState.Pending, null, Cancel));
        Assert.True(error.IsTransient);
        Assert.Equal(0, s3.OpenUploads);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1024)]
    [InlineData(8 << 20)]
    [InlineData((20 << 20) - 1)]
    public async Task A_dump_that_dies_is_aborted_and_never_completed(long at)
    {
        await using var s3 = new ScriptedS3(_ => null);
        await using var vault = Open(s3);
        await Assert.ThrowsAsync<ContentException>(() => vault.PutAsync("a", new PatternStream(long.MaxValue, at), ObjectState.Pending, null, Cancel));
        AssertNothingStays(s3);
        Assert.Equal(s3.Count("Initiate"), s3.Count("Abort"));
    }

    [Fact]
    public async Task Cancelling_while_parts_are_under_way_aborts_after_the_last_of_them()
    {
        using var stop = new CancellationTokenSource();
        await using var s3 = new ScriptedS3(r =>
        {
            if (r.PartNumber == 3) stop.CancelAfter(20);
            return r.PartNumber > 0 ? new Misbehaviour.Stall(TimeSpan.FromMilliseconds(300)) : null;
        });
        await using var vault = Open(s3);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => vault.PutAsync("a", new PatternStream(long.MaxValue), ObjectState.Pending, null, stop.Token));
        AssertNothingStays(s3);
        Assert.Equal("Abort", s3.Requests.Last().Name);
    }

    [Fact]
    public async Task A_download_that_breaks_is_resumed_where_it_stopped()
    {
        var breaks = 3;
        await using var s3 = new ScriptedS3(r => r.Name == "Get" && Interlocked.Decrement(ref breaks) is >= 0 and var n ? new Misbehaviour.ResetWhileSending(2_500_000, Politely: n == 1) : null);
        s3.Objects["a"] = PatternStream.Bytes(Large);
        await using var vault = Open(s3);
        await using (var stream = await vault.OpenAsync("a", 1000, Cancel)) await StreamAssert.HoldsPatternAsync(stream, 1000, Large, Cancel);
        Assert.Equal(4, s3.Count("Get"));
    }

    [Fact]
    public async Task A_download_that_always_ends_early_is_not_taken_for_whole()
    {
        await using var s3 = new ScriptedS3(r => r.Name == "Get" ? new Misbehaviour.ResetWhileSending(0, Politely: true) : null);
        s3.Objects["a"] = PatternStream.Bytes(1000);
        await using var vault = new S3Vault(Location(s3), new HastyClock(), new S3Tuning { Credentials = MotoServer.Credentials });
        await using var stream = await vault.OpenAsync("a", 0, Cancel);
        var error = await VaultContract.ThrowsAsync(ErrorCode.VaultUnreachable, () => stream.CopyToAsync(Stream.Null, Cancel));
        Assert.True(error.IsTransient);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_unreachable()
    {
        var s3 = new ScriptedS3(_ => null);
        await s3.DisposeAsync();
        await using var vault = Open(s3, 1);
        var error = await VaultContract.ThrowsAsync(ErrorCode.VaultUnreachable, () => vault.PutAsync("a", new PatternStream(10), ObjectState.Pending, null, Cancel));
        Assert.True(error.IsTransient);
    }

    [Fact]
    public async Task A_claim_works_for_a_role_that_may_not_list_uploads()
    {
        await using var s3 = new ScriptedS3(r => r.Name == "ListUploads" ? new Misbehaviour.Answer(403, "AccessDenied") : null);
        await using var vault = Open(s3);
        await using var claim = await vault.ClaimAsync(["prod/daily/bloom"], Cancel);
    }

    [Fact]
    public async Task Every_write_says_that_the_key_must_be_new()
    {
        await using var s3 = new ScriptedS3(_ => null);
        await using var vault = Open(s3);
        await vault.PutAsync("small", new PatternStream(10), ObjectState.Pending, null, Cancel);
        await vault.PutAsync("large", new PatternStream(Large), ObjectState.Pending, null, Cancel);
        Assert.All(s3.Requests.Where(r => r.Name is "Put" or "Complete"), r => Assert.Equal("*", r.Headers["If-None-Match"]));
        Assert.All(s3.Requests.Where(r => r.Name is "Put" or "UploadPart"), r => Assert.Equal(44, r.Headers["x-amz-checksum-sha256"].Length));
        Assert.Equal($"{Large}", s3.Requests.Single(r => r.Name == "Complete").Headers["x-amz-mp-object-size"]);
        Assert.Equal(0, s3.Count("Head"));
    }

    private static void AssertNothingStays(ScriptedS3 s3)
    {
        Assert.Equal(0, s3.Count("Complete"));
        Assert.Equal(0, s3.OpenUploads);
        Assert.Empty(s3.Objects);
    }

    private static S3Vault Open(ScriptedS3 s3, int retries = 6, TimeSpan? stall = null) => new(Location(s3), TimeProvider.System,
        new S3Tuning { Credentials = new BasicAWSCredentials("AKIAIOSFODNN7EXAMPLE", "hunter2"), Retries = retries, Stall = stall ?? TimeSpan.FromSeconds(30) });

    private static S3Location Location(ScriptedS3 s3) => new() { Bucket = "bucket", Endpoint = s3.Endpoint };

    /// <summary>Pauses take no time.</summary>
    private sealed class HastyClock : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime == Timeout.InfiniteTimeSpan ? dueTime : TimeSpan.Zero, period);
    }
}
